"""The anomaly-similarity worker: `python -m services.anomaly_similarity.worker`.

It records what detectors find and what operators say of similar cases, answers questions for similar anomalies,
tells who asked by webhook, publishes what lies in the outbox, and empties workspaces that were cleaned; on its
port it serves health and metrics alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import uvicorn
from fastapi import FastAPI

from services.anomaly_similarity import outbox, webhooks
from services.anomaly_similarity.answering import Answerer
from services.anomaly_similarity.config import AnomalySimilaritySettings
from services.anomaly_similarity.detecting import Detections
from services.anomaly_similarity.feedback import Feedback
from services.anomaly_similarity.handlers import handlers
from services.anomaly_similarity.service import Records
from services.anomaly_similarity.shared_searcher import searching
from services.anomaly_similarity.signing import key_of
from services.broker import ANOMALIES, REQUESTS
from services.repeating import repeating
from services.web.application import Service, create_app
from services.web.consuming import consuming
from services.web.resources import Resources

SWEEP_EVERY = 3600.0  # seconds between two looks for questions that are too old
REMIND_EVERY = 300.0  # seconds between two looks for questions that wait too long
COUNT_EVERY = 15.0  # seconds; as often as Prometheus asks, usually


@asynccontextmanager
async def start(app: FastAPI, resources: Resources) -> AsyncIterator[None]:
    """Consume until the end of the block."""
    database, broker = await resources.database(), await resources.broker()
    settings = AnomalySimilaritySettings()
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        announced = await enter(outbox.opened(database, broker))
        searcher = await enter(searching(app, resources))
        answerer = Answerer(database, searcher, announced)
        await enter(outbox.relaying(announced))
        await enter(repeating(answerer.sweep, interval=SWEEP_EVERY))
        await enter(repeating(answerer.remind, interval=REMIND_EVERY))
        await enter(repeating(answerer.count, interval=COUNT_EVERY))
        if settings.webhook_secret is not None:
            key = key_of(settings.webhook_secret.get_secret_value())
            private = settings.webhook_allow_private
            await enter(webhooks.delivering(database, key, allow_private=private))
        records, detections = Records(database, broker), Detections(database, broker, announced)
        handle = handlers(records, detections, Feedback(database), answerer)
        await enter(consuming(resources, ANOMALIES, handle))
        await enter(consuming(resources, REQUESTS, handle))
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
