"""A small client for what the services do with Redis.

Concurrent reads share one MGET: a command on its own costs about 50 µs of the event loop, a key in a
shared MGET about 5 (docs/benchmarks.md).
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from typing import Any

from fakeredis import FakeAsyncRedis
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError, WatchError

from services.away import Away
from services.cache.scripts import APPEND, APPEND_AND_TELL, COUNT, COUNTERS, STAMP, Telling
from services.coalescing import Coalescer

CONNECTIONS = 16  # per process; commands are shared, so a few are enough
WAIT = 2.0  # seconds for a connection, for connecting and for an answer; beyond it Redis is away
LIFETIME = timedelta(days=7)  # of what was rebuilt: idle users leave the memory, a miss rebuilds
MAX_BATCH = 256  # requests or keys that share one round trip
MAX_WAITING = 10_000  # requests; more than that means that Redis does not keep up
COUNTERS_AT_ONCE = 1_000  # a millisecond of the event loop
SCAN_COUNT = 1_000  # keys per step when a prefix is deleted

Fields = Mapping[bytes, bytes]


class CacheUnavailable(Away):
    """Redis does not answer."""


class Cache:
    """An open cache. Values are bytes; every key begins with the workspace it belongs to."""

    def __init__(self, client: Redis) -> None:
        self.client = client
        # One round trip at a time: who comes meanwhile shares the next one, and what the sharers do
        # afterwards they do at the same time again, in one matrix product and one transaction.
        self._reads: Coalescer[Sequence[str], list[bytes | None]] = Coalescer(
            self._read_all, max_batch=MAX_BATCH, max_waiting=MAX_WAITING
        )
        self._append = client.register_script(APPEND)
        self._append_and_tell = client.register_script(APPEND_AND_TELL)
        self._count = client.register_script(COUNT)
        self._counters = client.register_script(COUNTERS)

    async def read(self, *keys: str) -> list[bytes | None]:
        """Return the values of `keys`, None where there is none."""
        return await self._reads.submit(keys)

    async def append_many(
        self, values: Mapping[str, bytes], *, telling: Telling | None = None
    ) -> None:
        """Append to the values of these keys where there are any; what is not there is left to a rebuild.

        With `telling`, a bounded stream is told of all of them in the same round trip.
        """
        pairs = list(values.items())
        with _availability():
            for start in range(0, len(pairs), MAX_BATCH):
                keys, pieces = zip(*pairs[start : start + MAX_BATCH], strict=True)
                if telling is None:
                    await self._append(keys, pieces)
                else:
                    given = [*pieces, *telling.arguments, int(LIFETIME.total_seconds())]
                    await self._append_and_tell([*keys, telling.stream], given)

    async def told(self, stream: str, *, after: str, count: int) -> list[tuple[str, Fields]]:
        """Return at most `count` entries of a stream, the oldest first, with their ids.

        An id is "milliseconds-n"; `after` is the last one that is known, "0" for none.
        """
        with _availability():
            found: Any = await self.client.xread({stream: after}, count=count)
        return [(identifier.decode(), fields) for _, part in found for identifier, fields in part]

    async def counts(
        self, key: str, load: Callable[[], Awaitable[Mapping[int, int]]]
    ) -> dict[int, int]:
        """Return the counters under `key`; where they are missing, what `load` gives is kept."""
        with _availability():
            stored = await self._fields(key)
            if STAMP not in stored:
                return dict(await self._rebuild_counts(key, load))
        return {int(field): int(count) for field, count in stored.items() if field != STAMP}

    async def _fields(self, key: str) -> dict[bytes, bytes]:
        """Return the fields of counters, read in parts so that nobody waits for all of them."""
        fields: dict[bytes, bytes] = {}
        cursor: Any = 0
        while True:
            found: Any = await self._counters([key], [cursor, COUNTERS_AT_ONCE])
            cursor, part = int(found[0]), found[1].split()
            fields |= zip(part[::2], part[1::2], strict=True)
            if not cursor:
                return fields

    async def _rebuild_counts(
        self, key: str, load: Callable[[], Awaitable[Mapping[int, int]]]
    ) -> Mapping[int, int]:
        async with self.client.pipeline(transaction=True) as pipeline:
            await pipeline.watch(key)
            counts = await load()
            pipeline.multi()  # type: ignore[no-untyped-call]
            pipeline.delete(key)
            fields: dict[Any, Any] = {str(number): count for number, count in counts.items()}
            pipeline.hset(key, mapping={STAMP: os.urandom(8).hex(), **fields})
            pipeline.expire(key, LIFETIME)
            with suppress(WatchError):
                await pipeline.execute()
        return counts

    async def stamp(self, key: str) -> bytes | None:
        """Return what tells this build of the counters under `key` from any other; None: not built."""
        with _availability():
            stamp: Any = await self.client.hget(key, STAMP)
        return bytes(stamp) if stamp else None

    async def count(self, key: str, increments: Mapping[int, int], *, stamp: bytes | None) -> None:
        """Add to the counters under `key` what was committed after `stamp` was read.

        Counters that were built in the meantime may have it already; they are forgotten.
        """
        if not increments:
            return
        given = " ".join([f"{number} {by}" for number, by in increments.items()])
        with _availability():
            await self._count([key], [stamp or b"", given])

    async def rebuild(
        self, key: str, load: Callable[[], Awaitable[bytes]], *, lifetime: timedelta = LIFETIME
    ) -> bytes:
        """Return what `load` gives, and keep it for `lifetime` unless the key changed in the meantime.

        The watch is what makes a rebuild safe beside writers: a value that was read before a commit
        is never stored over what was appended after it.
        """
        with _availability():
            async with self.client.pipeline(transaction=True) as pipeline:
                await pipeline.watch(key)
                value = await load()
                pipeline.multi()  # type: ignore[no-untyped-call]
                pipeline.set(key, value, ex=lifetime)
                with suppress(WatchError):  # someone wrote meanwhile; the next reader rebuilds
                    await pipeline.execute()
                return value

    async def delete(self, *keys: str) -> None:
        """Forget `keys`, and what is being rebuilt for them at this moment."""
        if not keys:
            return
        with _availability():
            pipeline = self.client.pipeline(transaction=True)
            for key in keys:
                pipeline.set(key, b"")  # deleting what is not there would not break a watch
            pipeline.unlink(*keys)
            await pipeline.execute()

    async def delete_prefix(self, prefix: str) -> None:
        """Forget every key that begins with `prefix` (which holds no pattern characters)."""
        with _availability():
            found: list[bytes] = []
            async for key in self.client.scan_iter(match=f"{prefix}*", count=SCAN_COUNT):
                found.append(key)
                if len(found) == SCAN_COUNT:
                    await self.client.unlink(*found)
                    found.clear()
            if found:
                await self.client.unlink(*found)

    async def check(self) -> None:
        """Return when Redis answers; raise `CacheUnavailable` otherwise."""
        with _availability():
            await self.client.ping()

    async def close(self) -> None:
        """Let what is under way finish, and disconnect."""
        await self._reads.close()
        await self.client.aclose()

    async def _read_all(self, requests: Sequence[Sequence[str]]) -> list[list[bytes | None]]:
        with _availability():
            # Once each: requests to one workspace share the key of its catalogue.
            wanted = list(dict.fromkeys(key for keys in requests for key in keys))
            found: Any = await self.client.mget(wanted)
        values = dict(zip(wanted, found, strict=True))
        return [[values[key] for key in keys] for keys in requests]


@contextmanager
def _availability() -> Iterator[None]:
    try:
        yield
    except Away:  # ours: what a rebuild loads from is away, not Redis
        raise
    except (RedisError, OSError, TimeoutError) as error:
        raise CacheUnavailable(f"Redis does not answer: {type(error).__name__}.") from error


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Cache]:
    """Open the cache at `url`: `redis://…`, `rediss://…`, or `memory://` for one inside the process."""
    cache = Cache(_client(url))
    try:
        yield cache
    finally:
        await cache.close()


def _client(url: str) -> Redis:
    if url.startswith("memory://"):
        # Its connections are objects only, and the pool refuses where the other one waits.
        return FakeAsyncRedis(max_connections=MAX_WAITING)
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS,
        timeout=WAIT,
        socket_timeout=WAIT,
        socket_connect_timeout=WAIT,
        health_check_interval=15,
    )
    return Redis.from_pool(pool)
