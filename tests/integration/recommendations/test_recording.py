"""Recording reactions when something fails in the middle, on both profiles' database and cache."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from msgspec import structs
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cache import Cache, CacheUnavailable, Telling
from services.database import EVERY_WORKSPACE, Database, DatabaseUnavailable
from services.messages.types import InteractionRecorded
from services.recommendations import activity_repository, repository
from services.recommendations.recording import Reaction, Recorder
from services.recommendations.state import popularity_key
from services.recommendations.tables import interactions, items


class FailingCommit(Database):
    """A database that goes away before the first commit."""

    failures = 1

    @asynccontextmanager
    async def transaction(self, workspace: str) -> AsyncIterator[AsyncConnection]:
        async with super().transaction(workspace) as connection:
            yield connection
            if self.failures:
                self.failures -= 1
                raise DatabaseUnavailable("Just before the commit.")


class InterruptedCache(Cache):
    """A cache that is away when it should follow the first commit."""

    failures = 1

    async def append_many(
        self, values: Mapping[str, bytes], *, telling: Telling | None = None
    ) -> None:
        if self.failures:
            self.failures -= 1
            raise CacheUnavailable("Just after the commit.")
        await super().append_many(values, telling=telling)


async def test_numbers_that_were_rolled_back_are_not_used(
    data: Database, store: Cache, workspace: str
) -> None:
    ours, theirs = Recorder(FailingCommit(data.engine), store), Recorder(data, store)
    with pytest.raises(DatabaseUnavailable):
        await ours.record(workspace, [liked("e1", "first")])

    await theirs.record(workspace, [liked("e2", "second")])
    await ours.record(workspace, [liked("e1", "first")])

    assert await stored(data, workspace) == {"e1": "first", "e2": "second"}


async def test_counters_that_were_built_after_the_commit_count_nothing_twice(
    data: Database, store: Cache, workspace: str
) -> None:
    class Overtaken(Cache):
        async def append_many(
            self, values: Mapping[str, bytes], *, telling: Telling | None = None
        ) -> None:
            assert await counters(data, store, workspace) == {0: 1}
            await super().append_many(values, telling=telling)

    await Recorder(data, Overtaken(store.client)).record(workspace, [liked("e1", "first")])

    assert await counters(data, store, workspace) == {0: 1}


async def test_counters_know_of_what_was_committed_just_before_a_crash(
    data: Database, store: Cache, workspace: str
) -> None:
    recorder = Recorder(data, InterruptedCache(store.client))
    assert await counters(data, store, workspace) == {}
    with pytest.raises(CacheUnavailable):
        await recorder.record(workspace, [liked("e1", "first")])

    await recorder.record(workspace, [liked("e1", "first")])

    assert await counters(data, store, workspace) == {0: 1}


async def test_counters_follow_without_being_built_anew(
    data: Database, store: Cache, workspace: str
) -> None:
    recorder = Recorder(data, store)
    await recorder.record(workspace, [liked("e1", "first")])
    assert await counters(data, store, workspace) == {0: 1}

    await recorder.record(workspace, [liked("e2", "first"), liked("e3", "second")])

    async def never() -> Mapping[int, int]:
        raise AssertionError("They were there.")

    assert await store.counts(popularity_key(workspace, 0), never) == {0: 2, 1: 1}


async def test_of_reactions_at_the_same_time_the_later_one_holds(
    data: Database, store: Cache, workspace: str
) -> None:
    """Whatever their ids are, and where the log of the cache is lost."""
    like = liked("z", "first")
    dislike = Reaction("a", like.accepted_at, structs.replace(like.interaction, kind="dislike"))
    await Recorder(data, store).record(workspace, [like, dislike])
    async with data.reading(workspace) as connection:
        rows = await activity_repository.user_history(connection, workspace, "ada")
    assert [row[1] for row in rows] == ["like", "dislike"]


async def test_reactions_are_counted_with_the_epoch_that_they_belong_to(
    data: Database, store: Cache, workspace: str
) -> None:
    async def counted() -> tuple[int, int] | None:
        async with data.reading(EVERY_WORKSPACE) as connection:
            return (await activity_repository.interaction_counts(connection)).get(workspace)

    assert await counted() is None
    await Recorder(data, store).record(workspace, [liked("e1", "first"), liked("e2", "second")])
    assert await counted() == (2, 0)

    async with data.transaction(workspace) as connection:
        await repository.clean(connection, workspace)
    assert await counted() is None
    await Recorder(data, store).record(workspace, [liked("e3", "first")])
    assert await counted() == (1, 1)


async def counters(data: Database, store: Cache, workspace: str) -> dict[int, int]:
    async def load() -> Mapping[int, int]:
        async with data.reading(workspace) as connection:
            return await activity_repository.like_counts(connection, workspace)

    return await store.counts(popularity_key(workspace, 0), load)


async def stored(data: Database, workspace: str) -> dict[str, str]:
    columns = (interactions.c.event_id, items.c.item_id)
    numbered = (interactions.c.workspace == items.c.workspace) & (
        interactions.c.item_number == items.c.number
    )
    query = select(*columns).join_from(interactions, items, numbered, isouter=True)
    async with data.reading(workspace) as connection:
        rows = await connection.execute(query.where(interactions.c.workspace == workspace))
        return {row.event_id: row.item_id for row in rows}


def liked(event_id: str, item_id: str) -> Reaction:
    now = datetime.now(UTC)
    told = InteractionRecorded(user_id="ada", item_id=item_id, kind="like", occurred_at=now)
    return Reaction(event_id, now, told)
