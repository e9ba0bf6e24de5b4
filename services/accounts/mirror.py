"""Keeps the revoked tokens in Redis as the table has them: whatever writes the table, and after Redis
was away, emptied or set back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from services.accounts import repository
from services.cache import Cache
from services.database import EVERY_WORKSPACE, Database
from services.repeating import repeating
from services.security import revocations

log = logging.getLogger(__name__)

INTERVAL = 1.0  # seconds between looks at the table, which is one indexed query
OVERLAP = timedelta(seconds=10)  # looked at again: a transaction may commit after a later one
COMPLETE = 60.0  # seconds between complete copies, for a Redis that was set back to an older state


class Mirror:
    """Copies the table's news to Redis. One per process of accounts; several do no harm."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache
        self._syncing = asyncio.Lock()
        self._since: datetime | None = None
        self._sent: set[tuple[str, float]] = set()
        self._complete_at = 0.0

    async def sync(self) -> None:
        """Copy what is new; when either side is away, a later call does it."""
        async with self._syncing:
            try:
                await self._copy()
            except ConnectionError as error:
                self._since = None
                log.warning("Revocations are not copied.", extra={"reason": str(error)})

    async def _copy(self) -> None:
        began = datetime.now(UTC)
        complete = (
            self._since is None
            or time.monotonic() >= self._complete_at
            or not await revocations.is_published(self._cache)
        )
        since = None if self._since is None or complete else self._since - OVERLAP
        async with self._database.reading(EVERY_WORKSPACE) as connection:
            rows = await repository.list_revoked(connection, since=since)
        news = rows if complete else rows - self._sent
        if news or complete:
            await revocations.publish(self._cache, _latest(news))
        if complete:
            await self._forget(began)
            self._complete_at = time.monotonic() + COMPLETE
        self._sent, self._since = rows, began

    async def _forget(self, now: datetime) -> None:
        async with self._database.transaction(EVERY_WORKSPACE) as connection:
            await repository.forget_expired(connection, before=now - OVERLAP)


def _latest(rows: set[tuple[str, float]]) -> dict[str, float]:
    return dict(sorted(rows, key=lambda row: row[1]))  # of several times of one id, the last stays


@asynccontextmanager
async def mirroring(
    database: Database, cache: Cache, *, interval: float = INTERVAL
) -> AsyncIterator[Mirror]:
    """Give the mirror, which looks every `interval` seconds until the end of the block."""
    mirror = Mirror(database, cache)
    async with repeating(mirror.sync, interval=interval):
        yield mirror
