"""Revoked tokens, known to every process within about a second.

A sorted set in Redis maps an id to a time: the id of a token (`jti`) or of a client (`sub`) is revoked
for every token that expires at or before that time. So a client's tokens end while those that it gets
afterwards hold. The set mirrors a table of accounts; beside it stands a mark that changes with every
change, so that a poll without news costs one GET.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import Gauge
from redis.exceptions import RedisError

from services.cache import Cache, CacheUnavailable
from services.repeating import repeating
from services.security.tokens import Client, RevokedToken

log = logging.getLogger(__name__)

REVOKED = "akin:revoked"
MARK = "akin:revoked:mark"
INTERVAL = 1.0  # seconds between polls: a revocation holds everywhere within about two
MAX_REVOKED = 100_000  # ids held in memory, about 20 MB; of more, those that expire last

_age = Gauge(
    "akin_revocations_age_seconds",
    "Seconds since this process last read the revoked tokens; grows while Redis is away.",
)


class Revocations:
    """What is revoked, as last read. While Redis is away the last state holds, and its age is a metric."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._revoked: dict[str, float] = {}
        self._mark: bytes | str | None = None
        self._read_at = time.monotonic()

    def check(self, client: Client) -> None:
        """Return when the client's token is not revoked; raise `RevokedToken` otherwise."""
        if not self._revoked:
            return
        expires_at = client.expires_at
        if (
            self._revoked.get(client.jti, 0.0) >= expires_at
            or self._revoked.get(client.client_id, 0.0) >= expires_at
        ):
            raise RevokedToken("The token has been revoked.")

    def age(self) -> float:
        """Return the seconds since the last successful read."""
        return time.monotonic() - self._read_at

    async def refresh(self) -> None:
        """Read what is revoked, if it changed.

        Raises:
            CacheUnavailable: Redis does not answer; what was known stays.
        """
        try:
            mark = await self._cache.client.get(MARK)
            # No mark: Redis has lost its memory, and accounts is about to write the set again.
            if mark is not None and mark != self._mark:
                self._revoked = await self._read()
                self._mark = mark
        except (RedisError, OSError, TimeoutError) as error:
            raise CacheUnavailable(f"Redis does not answer: {type(error).__name__}.") from error
        self._read_at = time.monotonic()

    async def _read(self) -> dict[str, float]:
        entries: Any = await self._cache.client.zrange(
            REVOKED,
            "+inf",
            time.time(),
            desc=True,
            byscore=True,
            withscores=True,
            offset=0,
            num=MAX_REVOKED,
        )
        if len(entries) == MAX_REVOKED:
            log.error("More tokens are revoked than are held in memory.")
        return {member.decode(): score for member, score in entries}


@asynccontextmanager
async def follow(cache: Cache, *, interval: float = INTERVAL) -> AsyncIterator[Revocations]:
    """Give the revocations, read again every `interval` seconds until the end of the block."""
    revocations = Revocations(cache)
    _age.set_function(revocations.age)

    async def refresh() -> None:
        try:
            await revocations.refresh()
        except CacheUnavailable as error:
            log.warning("The revoked tokens could not be read.", extra={"reason": str(error)})

    await refresh()  # before the first request
    async with repeating(refresh, interval=interval):
        yield revocations


async def publish(cache: Cache, revoked: Mapping[str, float]) -> None:
    """Add ids with their times (seconds since 1970) to the set; a time only ever grows.

    Raises:
        CacheUnavailable: Redis does not answer; nothing or all of it was added.
    """
    try:
        async with cache.client.pipeline(transaction=True) as pipeline:
            if revoked:
                pipeline.zadd(REVOKED, dict(revoked), gt=True)
            pipeline.zremrangebyscore(REVOKED, "-inf", time.time())
            pipeline.set(MARK, uuid.uuid4().hex)
            await pipeline.execute()
    except (RedisError, OSError, TimeoutError) as error:
        raise CacheUnavailable(f"Redis does not answer: {type(error).__name__}.") from error


async def is_published(cache: Cache) -> bool:
    """Return whether Redis has the set; False after it was emptied.

    Raises:
        CacheUnavailable: Redis does not answer.
    """
    try:
        return bool(await cache.client.exists(MARK))
    except (RedisError, OSError, TimeoutError) as error:
        raise CacheUnavailable(f"Redis does not answer: {type(error).__name__}.") from error
