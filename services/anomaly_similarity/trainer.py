"""The embedded profile's retraining of the search for similar anomalies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI

from services.anomaly_similarity import training_repository
from services.anomaly_similarity.loading import MODEL
from services.database import EVERY_WORKSPACE
from services.repeating import repeating
from services.web.application import Service
from services.web.resources import Resources
from services.web.retraining import LOOK_EVERY, Retraining, Standing

ENOUGH = 0.1  # new anomalies, as a share of those that the served model was trained on …
AT_LEAST = 50  # … and this many in any case: what is new is found without a training
DAILY = timedelta(
    days=1
)  # as Airflow trains in the full profile, where anything is new, verdicts too


@asynccontextmanager
async def start(_: FastAPI, resources: Resources) -> AsyncIterator[None]:
    """Look and train until the end of the block."""
    database = await resources.database()

    async def standings() -> Mapping[str, Standing]:
        async with database.reading(EVERY_WORKSPACE) as connection:
            found = await training_repository.trainable(connection)
        return {each.workspace: Standing(each.rows, each.epoch, each.mark) for each in found}

    retraining = Retraining(
        resources.models(),
        resources.settings,
        model=MODEL,
        standings=standings,
        enough=ENOUGH,
        at_least=AT_LEAST,
        stale_after=DAILY,
    )
    async with repeating(retraining.look, interval=LOOK_EVERY):
        yield


service = Service(name="similarity_trainer", title="retraining", routers=[], start=start)
