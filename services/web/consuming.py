"""What every worker is: a consumer of one queue that is started anew when it fails, and says how it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from services.broker import Queue, consumer
from services.broker.consumer import Handler
from services.repeating import repeating
from services.web.resources import Resources

STOP_TIMEOUT = 10.0  # seconds for the batch under way; what is not acknowledged comes again
RESTART_AFTER = 1.0  # seconds; a consumer that failed is logged and starts anew


@asynccontextmanager
async def consuming(
    resources: Resources, queue: Queue, handlers: Mapping[str, Handler]
) -> AsyncIterator[None]:
    """Consume the queue until the end of the block; a batch under way is finished."""
    broker, stop = await resources.broker(), asyncio.Event()
    running = False

    async def consume() -> None:
        nonlocal running
        running = True
        try:
            await consumer.run(broker, queue, handlers, stop=stop)
        finally:
            running = False

    async def check() -> None:
        if not running:
            raise RuntimeError("The consumer has ended.")

    resources.health.add(f"consumer of {queue.name}", check)
    async with repeating(consume, interval=RESTART_AFTER, grace=STOP_TIMEOUT):
        try:
            yield
        finally:
            stop.set()
