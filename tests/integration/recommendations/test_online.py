"""From a like to what every replica knows, through Redis and through the one inside the process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from services import cache, database
from services.cache import Cache
from services.database import Database
from services.messages.types import InteractionRecorded
from services.recommendations.online import FOLLOW_SECONDS, Online
from services.recommendations.recording import Reaction, Recorder
from services.recommendations.scoring import History
from services.recommendations.state import NUMBER, UserStates, lists_told, shown_key
from services.repeating import repeating

HISTORY = History(np.array([0], np.int32), np.ones(1, np.float32))


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite+aiosqlite:///{tmp_path}/akin.db"
    await database.migrate(url)
    async with database.connect(url) as opened:
        yield opened


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest, workspace: str) -> AsyncIterator[Cache]:
    url = "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")
    async with cache.connect(url) as opened:
        yield opened
        await opened.delete_prefix(f"akin:w:{workspace}:")


@pytest.fixture
async def recorder(data: Database, store: Cache, workspace: str) -> Recorder:
    """A recorder, and a user whose history is in the cache."""
    states = UserStates(data, store)
    await states.decode(workspace, 0, "ada", history=None, shown=None)
    return Recorder(data, store)


async def test_a_like_is_known_to_every_replica_within_a_second(
    recorder: Recorder, store: Cache, workspace: str
) -> None:
    replicas = [Online(), Online()]

    async def follow() -> None:
        await asyncio.gather(*(replica.follow(store, workspace, 0) for replica in replicas))

    async with repeating(follow, interval=FOLLOW_SECONDS):
        await recorder.record(workspace, [liked("e1", "first")])
        await recorder.record(workspace, [liked("e2", "second")])
        began = time.monotonic()
        while not all(len(each.neighbours(HISTORY)[0]) for each in replicas):
            await asyncio.sleep(0.05)
        assert time.monotonic() - began < 1.0
    for replica in replicas:
        assert replica.likes.tolist() == [1, 1]
        assert replica.neighbours(HISTORY)[0].tolist() == [1]


async def test_a_list_is_counted(store: Cache, workspace: str) -> None:
    online = Online()
    pieces = {shown_key(workspace, 0, u): np.array(n, NUMBER).tobytes() for u, n in LISTS.items()}
    await store.append_many(pieces, telling=lists_told(workspace, 0))
    await asyncio.gather(*(online.follow(store, workspace, 0) for _ in range(3)))
    assert online.shows.tolist() == [0, 1, 2, 1]
    assert online.began is not None
    assert abs((online.began - datetime.now(UTC)).total_seconds()) < 60


LISTS = {"ada": [1, 2], "bob": [2, 3]}


async def test_an_event_that_comes_again_adds_nothing(
    recorder: Recorder, store: Cache, workspace: str
) -> None:
    online = Online()
    for _ in range(3):
        await recorder.record(workspace, [liked("e1", "first"), liked("e2", "second")])
    await online.follow(store, workspace, 0)
    assert online.likes.tolist() == [1, 1]


async def test_an_import_is_not_told(recorder: Recorder, store: Cache, workspace: str) -> None:
    await recorder.record(workspace, [liked("e1", "first")], follow=False)
    assert await store.told(lists_told(workspace, 0).stream, after="0", count=9) == []


async def test_what_was_learned_stays_when_the_stream_is_lost_or_another_begins(
    recorder: Recorder, store: Cache, workspace: str
) -> None:
    online = Online()
    await recorder.record(workspace, [liked("e1", "first")])
    await online.follow(store, workspace, 0)
    await store.delete(lists_told(workspace, 0).stream)
    await online.follow(store, workspace, 0)
    for generation in (1, 1):
        shown = {shown_key(workspace, generation, "ada"): np.array([0], NUMBER).tobytes()}
        await store.append_many(shown, telling=lists_told(workspace, generation))
        await online.follow(store, workspace, generation)
    assert (online.likes.tolist(), online.shows.tolist()) == ([1], [2])


async def test_a_cache_that_is_away_leaves_all_as_it_is() -> None:
    online = Online()
    online.recall([], {2: 7})
    async with cache.connect("redis://127.0.0.1:1/0") as away:
        await online.follow(away, "w", 0)
    assert online.likes.tolist() == [0, 0, 7]


def liked(event_id: str, item_id: str) -> Reaction:
    now = datetime.now(UTC)
    told = InteractionRecorded(user_id="ada", item_id=item_id, kind="like", occurred_at=now)
    return Reaction(event_id, now, told)
