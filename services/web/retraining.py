"""What every retraining of the embedded profile is: a child process, when enough is new.

A process of its own, because training would block the event loop, and because its memory goes back
when it ends. In the full profile Airflow does this.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta

from prometheus_client import Counter

from services.model_store import (
    DamagedVersion,
    Manifest,
    ModelStore,
    ModelStoreError,
    UnknownVersion,
)
from services.web.config import PlatformSettings

log = logging.getLogger(__name__)

LOOK_EVERY = 60.0  # seconds between looks at how much is new
NEVER = datetime.min.replace(tzinfo=UTC)
TRAINING_TIMEOUT = 3600.0  # seconds; a training that takes longer belongs to Airflow

_trainings = Counter("akin_trainings", "Trainings that were started here.", ["outcome"])

Counts = Callable[[], Awaitable[Mapping[str, int]]]


class Retraining:
    """Trains one kind of model for each workspace when enough is new.

    `counts` tells how many rows each workspace has. Enough is a share `enough` of those that the served model was
    trained on, `at_least` in any case; or anything at all once that model is older than `stale_after`.
    """

    def __init__(
        self,
        models: ModelStore,
        settings: PlatformSettings,
        *,
        model: str,
        counts: Counts,
        enough: float,
        at_least: int,
        stale_after: timedelta = timedelta.max,
    ) -> None:
        self._models, self._settings = models, settings
        self._model, self._counts = model, counts
        self._enough, self._at_least, self._stale_after = enough, at_least, stale_after
        # Rows at the last training of each workspace that was started here, and when that was.
        self._attempted: dict[str, tuple[int, datetime]] = {}

    async def look(self) -> None:
        """Train where enough is new; called now and then."""
        try:
            for workspace, count in (await self._counts()).items():
                if await self._is_enough(workspace, count):
                    self._attempted[workspace] = count, now()
                    await self._train(workspace)
        except (ConnectionError, ModelStoreError) as error:
            log.warning("No look at what is new.", extra={"reason": str(error)})

    async def _is_enough(self, workspace: str, count: int) -> bool:
        served = await asyncio.to_thread(self._served, workspace)
        rows, tried_at = self._attempted.get(workspace, (0, NEVER))
        since = max(served.data.rows if served else 0, rows)
        if count - since >= max(self._at_least, self._enough * since):
            return True
        if served is None or count in (served.data.rows, rows):
            return False
        return now() - max(served.created_at, tried_at) > self._stale_after

    def _served(self, workspace: str) -> Manifest | None:
        entry = self._models.current(workspace, self._model)
        if entry is None:
            return None
        try:
            return self._models.manifest(workspace, self._model, entry.version)
        except (DamagedVersion, UnknownVersion):
            return None  # a new one mends it

    async def _train(self, workspace: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.cli", "train", self._model),
            *("--workspace", workspace, "--json"),
            stdout=asyncio.subprocess.DEVNULL,
            env={**os.environ, **self._settings.environment()},
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


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)
