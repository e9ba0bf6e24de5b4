"""All services in one process: `uvicorn services.embedded:app`, or `akin run`."""

from __future__ import annotations

from services.accounts.app import service as accounts
from services.anomaly_similarity.app import service as anomaly_similarity
from services.anomaly_similarity.trainer import service as similarity_trainer
from services.anomaly_similarity.worker import service as anomaly_similarity_worker
from services.event_collector.app import service as event_collector
from services.recommendations.app import service as recommendations
from services.recommendations.trainer import service as trainer
from services.recommendations.worker import service as worker
from services.web.application import create_app

app = create_app(
    accounts,
    event_collector,
    recommendations,
    worker,
    trainer,
    anomaly_similarity,
    anomaly_similarity_worker,
    similarity_trainer,
)
