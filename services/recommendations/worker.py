"""The recommendations worker: `python -m services.recommendations.worker`.

It consumes interactions, and erases people; on its port it serves health and metrics alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from services.broker import INTERACTIONS, consumer
from services.recommendations.config import RecommendationsSettings
from services.recommendations.erasing import Eraser
from services.recommendations.handlers import handlers
from services.recommendations.outcomes import Outcomes
from services.recommendations.recording import Recorder
from services.repeating import repeating
from services.web.application import Service, create_app
from services.web.resources import Resources

STOP_TIMEOUT = 10.0  # seconds for the batch under way; what is not acknowledged comes again
RESTART_AFTER = 1.0  # seconds; a consumer that failed is logged and starts anew


@asynccontextmanager
async def start(_: FastAPI, resources: Resources) -> AsyncIterator[None]:
    """Consume until the end of the block."""
    database, cache = await resources.database(), await resources.cache()
    handle = handlers(Recorder(database, cache), Eraser(database, cache), Outcomes(database))
    broker, stop = await resources.broker(), asyncio.Event()
    consuming = False

    async def consume() -> None:
        nonlocal consuming
        consuming = True
        try:
            await consumer.run(broker, INTERACTIONS, handle, stop=stop)
        finally:
            consuming = False

    async def check() -> None:
        if not consuming:
            raise RuntimeError("The consumer has ended.")

    resources.health.add("consumer", check)
    async with repeating(consume, interval=RESTART_AFTER, grace=STOP_TIMEOUT):
        try:
            yield
        finally:
            stop.set()


service = Service(
    name="recommendations_worker", title="recommendations worker", routers=[], start=start
)
app = create_app(service)


def main() -> None:
    """Run the worker until it is told to stop."""
    port = RecommendationsSettings().worker_port
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_config=None)


if __name__ == "__main__":
    main()
