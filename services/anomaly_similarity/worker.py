"""The anomaly-similarity worker: `python -m services.anomaly_similarity.worker`.

It records what detectors find and what operators say of similar cases, and empties workspaces that were
cleaned; on its port it serves health and metrics alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from services.anomaly_similarity.config import AnomalySimilaritySettings
from services.anomaly_similarity.detecting import Detections
from services.anomaly_similarity.feedback import Feedback
from services.anomaly_similarity.handlers import handlers
from services.anomaly_similarity.service import Records
from services.broker import ANOMALIES
from services.web.application import Service, create_app
from services.web.consuming import consuming
from services.web.resources import Resources


@asynccontextmanager
async def start(_: FastAPI, resources: Resources) -> AsyncIterator[None]:
    """Consume until the end of the block."""
    database, broker = await resources.database(), await resources.broker()
    detections = Detections(database, broker)  # `ask`: once requests for similar cases are stored
    feedback = Feedback(database)  # `shown`: once answers are stored
    handle = handlers(Records(database, broker), detections, feedback)
    async with consuming(resources, ANOMALIES, handle):
        yield


service = Service(
    name="anomaly_similarity_worker", title="anomaly-similarity worker", routers=[], start=start
)
app = create_app(service)


def main() -> None:
    """Run the worker until it is told to stop."""
    port = AnomalySimilaritySettings().worker_port
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_config=None)


if __name__ == "__main__":
    main()
