"""The embedded profile's retraining: a child process, when enough is new.

A process of its own, because training would block the event loop, and because its memory goes back
when it ends. In the full profile Airflow does this.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from prometheus_client import Counter

from services.database import EVERY_WORKSPACE, Database
from services.model_store import DamagedVersion, ModelStore, ModelStoreError, UnknownVersion
from services.recommendations import activity_repository
from services.recommendations.loading import MODEL
from services.repeating import repeating
from services.web.application import Service
from services.web.config import PlatformSettings
from services.web.resources import Resources

log = logging.getLogger(__name__)

LOOK_EVERY = 60.0  # seconds between looks at how much is new
ENOUGH = 0.05  # new interactions, as a share of those that the served model was trained on …
AT_LEAST = 100  # … and this many in any case: fewer do not move a model
TRAINING_TIMEOUT = 3600.0  # seconds; a training that takes longer belongs to Airflow

_trainings = Counter("akin_trainings", "Trainings that were started here.", ["outcome"])


@asynccontextmanager
async def start(_: FastAPI, resources: Resources) -> AsyncIterator[None]:
    """Look and train until the end of the block."""
    database, models = await resources.database(), resources.models()
    attempted: dict[str, int] = {}  # how many reactions each workspace had at its last training
    look = partial(_look, database, models, resources.settings, attempted)
    async with repeating(look, interval=LOOK_EVERY):
        yield


async def _look(
    database: Database,
    models: ModelStore,
    settings: PlatformSettings,
    attempted: dict[str, int],
) -> None:
    try:
        for workspace, count in (await _interaction_counts(database)).items():
            since = max(await _trained_on(models, workspace), attempted.get(workspace, 0))
            if count - since >= max(AT_LEAST, ENOUGH * since):
                attempted[workspace] = count
                await _train(workspace, settings)
    except (ConnectionError, ModelStoreError) as error:
        log.warning("No look at what is new.", extra={"reason": str(error)})


async def _interaction_counts(database: Database) -> dict[str, int]:
    async with database.reading(EVERY_WORKSPACE) as connection:
        return await activity_repository.interaction_counts(connection)


async def _trained_on(models: ModelStore, workspace: str) -> int:
    def rows() -> int:
        entry = models.current(workspace, MODEL)
        if entry is None:
            return 0
        try:
            return models.manifest(workspace, MODEL, entry.version).data.rows
        except (DamagedVersion, UnknownVersion):
            return 0  # a new one mends it

    return await asyncio.to_thread(rows)


async def _train(workspace: str, settings: PlatformSettings) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", "train", "recommendations"),
        *("--workspace", workspace, "--json"),
        stdout=asyncio.subprocess.DEVNULL,
        env={**os.environ, **settings.environment()},
    )
    try:
        async with asyncio.timeout(TRAINING_TIMEOUT):
            code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    _trainings.labels("done" if code == 0 else "failed").inc()
    log.info("A training ended.", extra={"workspace": workspace, "code": code})


service = Service(name="trainer", title="retraining", routers=[], start=start)
