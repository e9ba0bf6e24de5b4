"""The outbox: what was committed is published, whoever died and whatever was away in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from services.anomaly_similarity import outbox, outbox_repository
from services.anomaly_similarity.answer_schemas import Ask
from services.anomaly_similarity.asking import Asker
from services.anomaly_similarity.outbox import Outbox, event
from services.anomaly_similarity.schemas import AnomalyBody
from services.anomaly_similarity.service import Records
from services.anomaly_similarity.tables import outbox as table
from services.broker import BrokerUnavailable
from services.database import Database
from services.messages.envelope import Event
from services.messages.types import SimilarityRequested

# A relay takes what it finds in the database, of other tests too: one at a time.
pytestmark = pytest.mark.xdist_group("relays")


class Wire:
    """A broker that may be away, and keeps what it was given."""

    def __init__(self) -> None:
        self.published: list[Event] = []
        self.away = False

    async def publish(self, events: Sequence[Event]) -> None:
        await asyncio.sleep(0.01)
        if self.away:
            raise BrokerUnavailable("It is away.")
        self.published += events

    def of(self, workspace: str) -> list[str]:
        """What it has of a workspace: others' events may lie in the same database."""
        return [
            each.data.task_result_id
            for each in self.published
            if each.workspace == workspace and isinstance(each.data, SimilarityRequested)
        ]


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
async def box(data: Database, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Outbox]:
    monkeypatch.setattr(outbox, "UNPUBLISHED", timedelta())
    async with outbox.opened(data, wire) as opened:  # type: ignore[arg-type]
        yield opened


async def commit(data: Database, workspace: str, *names: str) -> list[Event]:
    events = [event(workspace, SimilarityRequested(task_result_id=name)) for name in names]
    async with data.transaction(workspace) as connection:
        await outbox_repository.put(connection, events)
    return events


async def left(data: Database, workspace: str) -> int:
    async with data.reading(workspace) as connection:
        query = select(func.count()).where(table.c.workspace == workspace)
        return int((await connection.execute(query)).scalar_one())


async def test_what_is_announced_is_published_and_forgotten(
    data: Database, workspace: str, box: Outbox, wire: Wire
) -> None:
    box.announce(await commit(data, workspace, "a", "b"))
    await box.finish()
    assert wire.of(workspace) == ["a", "b"]
    assert await left(data, workspace) == 0


async def test_the_relay_publishes_what_a_dead_process_committed_in_its_order(
    data: Database, workspace: str, box: Outbox, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "RELAYED", 2)
    for name in "abcde":
        await commit(data, workspace, name)
    await box.relay()
    assert wire.of(workspace) == list("abcde")
    assert await left(data, workspace) == 0


async def test_an_event_that_is_young_is_left_to_whoever_wrote_it(
    data: Database, workspace: str, box: Outbox, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "UNPUBLISHED", timedelta(minutes=1))
    await commit(data, workspace, "a")
    await box.relay()
    assert wire.of(workspace) == []


async def test_relays_side_by_side_publish_nothing_twice(
    data: Database, workspace: str, box: Outbox, wire: Wire
) -> None:
    await commit(data, workspace, *map(str, range(20)))
    async with outbox.opened(data, wire) as other:  # type: ignore[arg-type]
        await asyncio.gather(box.relay(), other.relay(), box.relay())
    assert sorted(wire.of(workspace)) == sorted(map(str, range(20)))


async def test_with_the_broker_away_a_question_is_taken_and_ordered_later(
    data: Database, workspace: str, box: Outbox, wire: Wire
) -> None:
    await Records(data).put(workspace, [("a", AnomalyBody(description="Leaks"))])
    wire.away = True
    async with Asker(data, box) as asker:
        asked = await asyncio.gather(
            *(asker.ask(workspace, Ask(anomaly_id=each)) for each in ("a", "unknown", "a"))
        )
    await box.finish()
    await box.relay()
    assert asked[1] is None
    known = {asked[0], asked[2]}
    assert len(known) == await left(data, workspace) == 2
    wire.away = False
    await box.relay()
    assert set(wire.of(workspace)) == known
    assert await left(data, workspace) == 0


async def test_concurrent_questions_of_several_workspaces_keep_apart(
    data: Database, workspace: str, box: Outbox, wire: Wire
) -> None:
    await Records(data).put(workspace, [("a", AnomalyBody(description="Leaks"))])
    async with Asker(data, box) as asker:
        mine, theirs, again = await asyncio.gather(
            asker.ask(workspace, Ask(anomaly_id="a")),
            asker.ask(f"{workspace}-other", Ask(anomaly_id="a")),
            asker.ask(workspace, Ask(anomaly_id="a")),
        )
    await box.finish()
    assert theirs is None
    assert set(wire.of(workspace)) == {mine, again}
    assert wire.of(f"{workspace}-other") == []


async def test_an_order_carries_the_id_of_the_request_that_caused_it(
    data: Database, workspace: str, box: Outbox, wire: Wire
) -> None:
    await Records(data).put(workspace, [("a", AnomalyBody(description="Leaks"))])
    token = outbox.request_id.set("from-the-client")
    try:
        async with Asker(data, box) as asker:
            await asker.ask(workspace, Ask(anomaly_id="a"))
    finally:
        outbox.request_id.reset(token)
    await box.finish()
    assert [each.request_id for each in wire.published if each.workspace == workspace] == [
        "from-the-client"
    ]
