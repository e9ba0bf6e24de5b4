"""The recommendations worker: `python -m services.recommendations.worker`.

It consumes interactions, and erases people; on its port it serves health and metrics alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from services.broker import INTERACTIONS
from services.recommendations.config import RecommendationsSettings
from services.recommendations.erasing import Eraser
from services.recommendations.handlers import handlers
from services.recommendations.outcomes import Outcomes
from services.recommendations.recording import Recorder
from services.web.application import Service, create_app
from services.web.consuming import consuming
from services.web.resources import Resources


@asynccontextmanager
async def start(_: FastAPI, resources: Resources) -> AsyncIterator[None]:
    """Consume until the end of the block."""
    database, cache = await resources.database(), await resources.cache()
    handle = handlers(Recorder(database, cache), Eraser(database, cache), Outcomes(database))
    async with consuming(resources, INTERACTIONS, handle):
        yield


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
