"""A Redis that is away: one error, quickly."""

from __future__ import annotations

import asyncio
import socket
import time

from services import cache
from services.cache import CacheUnavailable, Telling

QUICKLY = 4.0  # seconds in which a cache that is away is given up; waiting takes two


async def refuse(url: str) -> None:
    async def load() -> bytes:
        return b"x"

    async def load_counts() -> dict[int, int]:
        return {1: 1}

    async with cache.connect(url) as away:
        attempts = [
            away.read("akin:a"),
            away.append_many({"akin:a": b"x"}),
            away.append_many({"akin:a": b"x"}, telling=Telling("akin:s", "f")),
            away.told("akin:s", after="0", count=1),
            away.rebuild("akin:a", load),
            away.counts("akin:a", load_counts),
            away.stamp("akin:a"),
            away.count("akin:a", {1: 1}, stamp=None),
            away.delete("akin:a"),
            away.delete_prefix("akin:"),
            away.check(),
        ]
        started = time.monotonic()
        outcomes = await asyncio.gather(*attempts, return_exceptions=True)
        assert time.monotonic() - started < QUICKLY
    assert all(isinstance(outcome, CacheUnavailable) for outcome in outcomes), outcomes


async def test_a_redis_that_is_not_there_is_unavailable_at_once() -> None:
    await refuse("redis://127.0.0.1:1/0")


async def test_a_redis_that_does_not_answer_is_given_up_quickly() -> None:
    with socket.socket() as frozen:  # it accepts connections, and never says a word
        frozen.bind(("127.0.0.1", 0))
        frozen.listen()
        await refuse(f"redis://127.0.0.1:{frozen.getsockname()[1]}/0")
