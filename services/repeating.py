"""Work that repeats in the background, and ends when it is told to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

log = logging.getLogger(__name__)

GRACE = 0.5  # seconds for a round under way to end by itself, before it is cancelled


@asynccontextmanager
async def repeating(
    work: Callable[[], Awaitable[None]], *, interval: float, grace: float | None = None
) -> AsyncIterator[None]:
    """Call `work` now and every `interval` seconds, until the end of the block.

    A round that is under way by then gets `grace` seconds (`GRACE`) to end by itself.

    The end is a flag, not a cancellation alone: the in-process Redis loses a cancellation now and
    then (one in about 300, measured), and a loop that lost it would never end.
    """
    stopped = asyncio.Event()

    async def loop() -> None:
        while not stopped.is_set():
            try:
                await work()
            except Exception:  # one bad round must not end all later ones unnoticed
                log.exception("A round of background work failed.")
            with suppress(TimeoutError):
                async with asyncio.timeout(interval):
                    await stopped.wait()

    task = asyncio.create_task(loop())
    try:
        yield
    finally:
        stopped.set()
        await asyncio.wait([task], timeout=GRACE if grace is None else grace)
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=GRACE)
