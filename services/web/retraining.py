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
from contextlib import suppress
from dataclasses import dataclass
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
PAUSE = timedelta(minutes=5)  # after a training that failed: what it lacked may be there by then
TRAINING_TIMEOUT = 3600.0  # seconds; a training that takes longer belongs to Airflow

_trainings = Counter("akin_trainings", "Trainings that were started here.", ["outcome"])

MARK = "trained_on"  # in a version's protocol: the mark of what it was trained on


@dataclass(frozen=True, slots=True)
class Standing:
    """What a workspace has to train on; `epoch` counts its cleanups.

    `mark` is another one after every change of what a training reads; "": the rows alone tell.
    """

    rows: int
    epoch: int
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A training that was started here: on what, when, and what came of it."""

    standing: Standing
    at: datetime  # of its end
    done: bool = False
    served: bool = False  # whether a model served after it


Standings = Callable[[], Awaitable[Mapping[str, Standing]]]


class Retraining:
    """Trains one kind of model for each workspace when enough is new.

    `standings` tells what each workspace has. Enough is a share `enough` of the rows that the served model was
    trained on, `at_least` in any case; or anything at all once that model is older than `stale_after`.
    A training that failed is repeated after `PAUSE`.
    """

    def __init__(
        self,
        models: ModelStore,
        settings: PlatformSettings,
        *,
        model: str,
        standings: Standings,
        enough: float,
        at_least: int,
        stale_after: timedelta = timedelta.max,
    ) -> None:
        self._models, self._settings = models, settings
        self._model, self._standings = model, standings
        self._enough, self._at_least, self._stale_after = enough, at_least, stale_after
        self._attempts: dict[str, Attempt] = {}  # the last one of each workspace

    async def look(self) -> None:
        """Train where enough is new; called now and then."""
        try:
            for workspace, standing in (await self._standings()).items():
                if await self._is_enough(workspace, standing):
                    await self._attempt(workspace, standing)
        except (ConnectionError, ModelStoreError) as error:
            log.warning("No look at what is new.", extra={"reason": str(error)})

    async def _is_enough(self, workspace: str, standing: Standing) -> bool:
        served = await self._served(workspace, standing.epoch)
        last = self._last(workspace, standing.epoch, served)
        if last and not last.done:
            if now() - last.at < PAUSE:
                return False
            last = None  # nothing came of it
        known = _trained_on(served, standing) if served else None
        since = max(known.rows if known else 0, last.standing.rows if last else 0)
        if standing.rows - since >= max(self._at_least, self._enough * since):
            return True
        if served is None or standing in (known, last and last.standing):
            return False
        tried_at = max(served.created_at, last.at) if last else served.created_at
        return now() - tried_at > self._stale_after

    def _last(self, workspace: str, epoch: int, served: Manifest | None) -> Attempt | None:
        """Return the last attempt; None where a cleanup, or the loss of its model, began all anew."""
        last = self._attempts.get(workspace)
        if last is None or last.standing.epoch != epoch:
            return None
        return None if last.served and served is None else last

    async def _attempt(self, workspace: str, standing: Standing) -> None:
        self._attempts[workspace] = Attempt(standing, now())  # failed, where a line below raises
        done = await self._train(workspace)
        served = await self._served(workspace, standing.epoch) is not None
        self._attempts[workspace] = Attempt(standing, now(), done, served)

    async def _served(self, workspace: str, epoch: int) -> Manifest | None:
        """Return what is known of the model that serves, or would; one of another epoch is refused."""
        served = await asyncio.to_thread(self._champion, workspace)
        return served if served and served.serving.get("epoch", epoch) == epoch else None

    def _champion(self, workspace: str) -> Manifest | None:
        entry = self._models.current(workspace, self._model)
        if entry is None:
            return None
        try:
            return self._models.manifest(workspace, self._model, entry.version)
        except (DamagedVersion, UnknownVersion):
            return None  # a new one mends it

    async def _train(self, workspace: str) -> bool:
        """Train in a child process; tell whether it ended as it should."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.cli", "train", self._model),
            *("--workspace", workspace, "--json"),
            stdout=asyncio.subprocess.DEVNULL,
            env={**os.environ, **self._settings.environment()},
        )
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(TRAINING_TIMEOUT):
                    await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        code = process.returncode
        _trainings.labels("done" if code == 0 else "failed").inc()
        log.info("A training ended.", extra={"workspace": workspace, "code": code})
        return code == 0


def _trained_on(served: Manifest, standing: Standing) -> Standing:
    """Return what a model was trained on; a version that tells no mark is taken to have the present one."""
    mark = str(served.protocol.get(MARK, standing.mark))
    return Standing(served.data.rows, standing.epoch, mark)


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)
