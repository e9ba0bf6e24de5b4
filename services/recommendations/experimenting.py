"""Starting, changing and ending experiments, and their reports."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

from services.cache import Cache, CacheUnavailable
from services.database import Database
from services.model_store import ModelStore
from services.recommendations import experiment_logs, repository
from services.recommendations import experiment_storage as storage
from services.recommendations.control_repository import advance
from services.recommendations.experiment_reports import Report, report
from services.recommendations.experiments import CHAMPION, Experiment, Variant
from services.recommendations.loading import MODEL
from services.recommendations.state import catalogue_key
from services.web.errors import Conflict, NotFound, Unprocessable

log = logging.getLogger(__name__)

REPORT_SECONDS = 60.0  # for which a report is shown again: reading a large one takes seconds
MAX_REPORTS = 100  # kept by one process, a few kB each
MAX_NAMED = 20  # known names in an error

_Kept = tuple[float, datetime, Report | None]  # until when, as of when
_NONE: _Kept = (0.0, datetime.min.replace(tzinfo=UTC), None)


class Experiments:
    """The experiments of all workspaces."""

    def __init__(self, database: Database, cache: Cache, models: ModelStore) -> None:
        self._database = database
        self._cache = cache
        self._models = models
        self._reports: OrderedDict[Experiment, _Kept] = OrderedDict()
        self._reporting = asyncio.Lock()  # one at a time: each may take hundreds of megabytes

    async def put(
        self,
        workspace: str,
        name: str,
        variants: Sequence[Variant],
        *,
        enabled: bool,
        note: str | None,
    ) -> Experiment:
        """Start an experiment, or pause, resume or annotate the one of that name that runs.

        Raises:
            Unprocessable: an unknown model or scenario.
            Conflict: it runs with another split.
        """
        versions = await asyncio.to_thread(self._models.versions, workspace, MODEL)
        known = [CHAMPION, *(manifest.version for manifest in versions)]
        given = Experiment(workspace, name, tuple(variants), datetime.now(UTC), None, enabled, note)
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace, shared=False)
            scenarios = await storage.scenario_names(connection, workspace)
            _check(variants, "model", known)
            _check(variants, "scenario", scenarios)
            before = await storage.find(connection, workspace, name)
            if before is not None and before.ended_at is None:
                given = _continued(before, given)
            await storage.save(connection, given)
            await advance(connection, workspace)
        await self._tell(workspace)
        return given

    async def end(self, workspace: str, name: str) -> Experiment:
        """End an experiment; what is known of it stays. One that has ended stays as it is.

        Raises:
            NotFound: there is none.
        """
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace, shared=False)
            found = await storage.find(connection, workspace, name)
            if found is None:
                raise _unknown(name)
            if found.ended_at is None:
                found = replace(found, ended_at=datetime.now(UTC))
                await storage.save(connection, found)
                await advance(connection, workspace)
        await self._tell(workspace)
        return found

    async def page(self, workspace: str, *, after: int, limit: int) -> list[Experiment]:
        """Return experiments by name, without the first `after`."""
        async with self._database.reading(workspace) as connection:
            return await storage.page(connection, workspace, after=after, limit=limit)

    async def report(self, workspace: str, name: str) -> tuple[Experiment, datetime, Report]:
        """Return an experiment, when its report was made, and the report: at most a minute old.

        Raises:
            NotFound: there is none.
        """
        async with self._database.reading(workspace) as connection:
            experiment = await storage.find(connection, workspace, name)
        if experiment is None:
            raise _unknown(name)
        kept = self._kept(experiment)
        if kept is None:
            async with self._reporting:
                kept = self._kept(experiment) or await self._make(experiment)
        return experiment, *kept

    def _kept(self, experiment: Experiment) -> tuple[datetime, Report] | None:
        expires, at, made = self._reports.get(experiment, _NONE)
        return (at, made) if made is not None and monotonic() < expires else None

    async def _make(self, experiment: Experiment) -> tuple[datetime, Report]:
        at = datetime.now(UTC)
        async with self._database.reading(experiment.workspace) as connection:
            logs = await experiment_logs.read(connection, experiment, experiment.ended_at or at)
        made = await asyncio.to_thread(report, experiment, logs)
        self._reports.pop(experiment, None)
        self._reports[experiment] = (monotonic() + REPORT_SECONDS, at, made)
        if len(self._reports) > MAX_REPORTS:
            self._reports.popitem(last=False)
        return at, made

    async def _tell(self, workspace: str) -> None:
        """Let replicas look where the catalogue, and the controls beside it, stand."""
        try:
            await self._cache.delete(catalogue_key(workspace))
        except CacheUnavailable as error:  # they ask the database then; the key is short-lived
            log.warning("Replicas were not told.", extra={"reason": str(error)})


def _check(variants: Sequence[Variant], field: str, known: Sequence[str]) -> None:
    """Raise `Unprocessable` for variants whose `field` names what is not known."""
    wrong = [
        {
            "field": f"body.variants.{place}.{field}",
            "message": f"'{named}' is not known; known are: {_named(known)}",
            "index": place,
        }
        for place, named in enumerate(getattr(variant, field) for variant in variants)
        if named is not None and named not in known
    ]
    if wrong:
        code = f"unknown_{field}"
        raise Unprocessable(f"There is no such {field}.", code=code, details=wrong)


def _named(known: Sequence[str]) -> str:
    return ", ".join(known[:MAX_NAMED]) + (" …" if len(known) > MAX_NAMED else "") or "none"


def _continued(before: Experiment, given: Experiment) -> Experiment:
    if before.variants != given.variants:
        raise Conflict(
            f"Experiment '{before.name}' runs with other variants. Another split would mix "
            "populations: end it first (DELETE), or start one under another name.",
            code="experiment_runs",
        )
    return replace(before, enabled=given.enabled, note=given.note)


def _unknown(name: str) -> NotFound:
    return NotFound(f"Experiment '{name}' does not exist.", code="experiment_not_found")
