"""The embedded profile's retraining of recommendations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.database import EVERY_WORKSPACE
from services.recommendations import activity_repository
from services.recommendations.loading import MODEL
from services.repeating import repeating
from services.web.application import Service
from services.web.resources import Resources
from services.web.retraining import LOOK_EVERY, Retraining, Standing

ENOUGH = 0.05  # new interactions, as a share of those that the served model was trained on …
AT_LEAST = 100  # … and this many in any case: fewer do not move a model


@asynccontextmanager
async def start(_: FastAPI, resources: Resources) -> AsyncIterator[None]:
    """Look and train until the end of the block."""
    database = await resources.database()

    async def standings() -> Mapping[str, Standing]:
        async with database.reading(EVERY_WORKSPACE) as connection:
            found = await activity_repository.interaction_counts(connection)
        return {workspace: Standing(*counts) for workspace, counts in found.items()}

    retraining = Retraining(
        resources.models(),
        resources.settings,
        model=MODEL,
        standings=standings,
        enough=ENOUGH,
        at_least=AT_LEAST,
    )
    async with repeating(retraining.look, interval=LOOK_EVERY):
        yield


service = Service(name="trainer", title="retraining", routers=[], start=start)
