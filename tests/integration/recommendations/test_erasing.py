"""Erasing people when something is large, late or away, on both profiles' database and cache."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Table, func, select, update

from services import broker
from services.broker import Broker, BrokerUnavailable
from services.cache import Cache, CacheUnavailable
from services.database import Database
from services.messages.envelope import Event
from services.messages.types import InteractionRecorded, UserErased
from services.model_store import ModelStore
from services.recommendations import erasing, erasures
from services.recommendations.erasing import Eraser, Erasures
from services.recommendations.impressions import Impression, Impressions
from services.recommendations.places import Ranked
from services.recommendations.recording import Reaction, Recorder
from services.recommendations.state import UserStates, history_key
from services.recommendations.tables import catalogues, impressions, interactions


class AwayCache(Cache):
    """A cache that is away when it should forget."""

    async def delete(self, *_: str) -> None:
        raise CacheUnavailable("Just now.")


class AwayBroker:
    """A broker that confirms nothing."""

    async def publish(self, _: Sequence[Event]) -> None:
        raise BrokerUnavailable("Not confirmed.")


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Broker]:
    async with broker.connect(f"journal://{tmp_path}/journal.db") as opened:
        yield opened


@pytest.fixture
def models(tmp_path: Path) -> ModelStore:
    return ModelStore(f"file://{tmp_path}/models")


def liked(event_id: str, at: datetime, user_id: str = "ada") -> Reaction:
    told = InteractionRecorded(user_id=user_id, item_id=event_id, kind="like", occurred_at=at)
    return Reaction(event_id, at, told)


async def react(data: Database, store: Cache, workspace: str, count: int) -> None:
    """Let ada like so many items, and bob one."""
    now = datetime.now(UTC)
    told = [*(liked(f"e{n}", now) for n in range(count)), liked("bob's", now, "bob")]
    await Recorder(data, store).record(workspace, told)


async def count(data: Database, workspace: str, user_id: str, table: Table = interactions) -> int:
    query = select(func.count()).where(table.c.workspace == workspace, table.c.user_id == user_id)
    async with data.reading(workspace) as connection:
        return int((await connection.execute(query)).scalar_one())


async def test_what_the_request_has_no_time_for_the_worker_ends(
    data: Database,
    store: Cache,
    journal: Broker,
    models: ModelStore,
    workspace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(erasures, "AT_ONCE", 10)
    monkeypatch.setattr(erasing, "PATIENCE", 0.0)
    await react(data, store, workspace, 35)
    asked = Erasures(data, store, journal, models)

    receipt = await asked.ask(workspace, "ada")
    assert (receipt.rows_done_at, receipt.caches_done_at) == (None, None)
    assert await count(data, workspace, "ada") == 25

    told = UserErased(user_id="ada", requested_at=receipt.requested_at)
    await Eraser(data, store).finish(workspace, told)
    assert await count(data, workspace, "ada") == 0
    assert await count(data, workspace, "bob") == 1
    found = await asked.receipt(workspace, receipt.receipt_id)
    assert found is not None
    assert None not in (found.rows_done_at, found.caches_done_at, found.model_done_at)


async def test_a_repeated_event_leaves_what_came_after_the_erasure(
    data: Database, store: Cache, journal: Broker, models: ModelStore, workspace: str
) -> None:
    await react(data, store, workspace, 3)
    asked = Erasures(data, store, journal, models)
    receipt = await asked.ask(workspace, "ada")
    told = UserErased(user_id="ada", requested_at=receipt.requested_at)
    await Eraser(data, store).finish(workspace, told)
    done = await asked.receipt(workspace, receipt.receipt_id)

    await Recorder(data, store).record(workspace, [liked("new", datetime.now(UTC))])
    await Eraser(data, store).finish(workspace, told)

    assert await count(data, workspace, "ada") == 1
    assert await asked.receipt(workspace, receipt.receipt_id) == done


async def test_rows_of_a_machine_whose_clock_is_ahead_go_too(
    data: Database, store: Cache, journal: Broker, models: ModelStore, workspace: str
) -> None:
    await react(data, store, workspace, 3)
    ahead = datetime.now(UTC) + timedelta(minutes=5)
    async with data.transaction(workspace) as connection:
        mine = interactions.c.workspace == workspace
        await connection.execute(update(interactions).where(mine).values(recorded_at=ahead))
    await Erasures(data, store, journal, models).ask(workspace, "ada")
    assert await count(data, workspace, "ada") == 0


async def test_without_a_cache_the_rows_go_and_the_worker_does_the_rest(
    data: Database, store: Cache, journal: Broker, models: ModelStore, workspace: str
) -> None:
    await react(data, store, workspace, 3)
    key = history_key(workspace, 0, "ada")
    await UserStates(data, store).decode(workspace, 0, "ada", history=None, shown=None)
    receipt = await Erasures(data, AwayCache(store.client), journal, models).ask(workspace, "ada")
    assert await count(data, workspace, "ada") == 0
    assert receipt.caches_done_at is None
    assert await store.read(key) != [None]

    told = UserErased(user_id="ada", requested_at=receipt.requested_at)
    with pytest.raises(CacheUnavailable):  # and the event comes again
        await Eraser(data, AwayCache(store.client)).finish(workspace, told)
    await Eraser(data, store).finish(workspace, told)
    assert await store.read(key) == [None]


async def test_without_a_broker_nothing_is_begun(
    data: Database, store: Cache, models: ModelStore, workspace: str
) -> None:
    await react(data, store, workspace, 3)
    with pytest.raises(BrokerUnavailable):
        await Erasures(data, store, AwayBroker(), models).ask(workspace, "ada")
    assert await count(data, workspace, "ada") == 3


async def test_what_was_cached_before_an_import_goes_too(
    data: Database, store: Cache, journal: Broker, models: ModelStore, workspace: str
) -> None:
    await react(data, store, workspace, 3)
    await UserStates(data, store).decode(workspace, 0, "ada", history=None, shown=None)
    async with data.transaction(workspace) as connection:
        mine = catalogues.c.workspace == workspace
        await connection.execute(update(catalogues).where(mine).values(generation=2))
    await Erasures(data, store, journal, models).ask(workspace, "ada")
    assert await store.read(history_key(workspace, 0, "ada")) == [None]


async def test_a_reaction_that_arrives_late_is_dropped_and_a_later_one_is_not(
    data: Database, store: Cache, journal: Broker, models: ModelStore, workspace: str
) -> None:
    await react(data, store, workspace, 1)
    before = datetime.now(UTC)
    await Erasures(data, store, journal, models).ask(workspace, "ada")
    after = datetime.now(UTC)
    told = [liked("late", before), liked("new", after), liked("other", before, "bob")]
    assert await Recorder(data, store).record(workspace, told) == 2
    assert await count(data, workspace, "ada") == 1
    assert await count(data, workspace, "bob") == 2


async def test_a_list_that_was_made_before_is_not_written_after(
    data: Database, store: Cache, journal: Broker, models: ModelStore, workspace: str
) -> None:
    await react(data, store, workspace, 1)
    shown = Impressions(data, store)
    late = impression(workspace, "late")
    await Erasures(data, store, journal, models).ask(workspace, "ada")
    for each in (late, impression(workspace, "new")):
        assert await shown.remember(each) == []
    await shown.close()
    query = select(impressions.c.recommendation_id).where(impressions.c.workspace == workspace)
    async with data.reading(workspace) as connection:
        assert list((await connection.execute(query)).scalars()) == ["new"]


def impression(workspace: str, name: str) -> Impression:
    places = [Ranked(0, 1.0, "model")]
    return Impression(workspace, 0, 0, "ada", name, places, None)
