"""All SQL about the definitions of experiments."""

from __future__ import annotations

import logging
from datetime import datetime

from sqlalchemy import Row, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.recommendations.experiments import Experiment, restored
from services.recommendations.tables import experiments, scenarios

log = logging.getLogger(__name__)

_columns = experiments.c
_all = select(_columns.name, _columns.definition, _columns.started_at, _columns.ended_at)


async def find(connection: AsyncConnection, workspace: str, name: str) -> Experiment | None:
    """Return an experiment."""
    query = _all.where(_columns.workspace == workspace, _columns.name == name)
    row = (await connection.execute(query)).first()
    return _experiment(workspace, row) if row else None


async def page(
    connection: AsyncConnection, workspace: str, *, after: int, limit: int
) -> list[Experiment]:
    """Return experiments by name, without the first `after`."""
    query = _all.where(_columns.workspace == workspace).order_by(_columns.name)
    rows = await connection.execute(query.offset(after).limit(limit))
    return [_experiment(workspace, row) for row in rows]


async def running(connection: AsyncConnection, workspace: str) -> list[Experiment]:
    """Return the experiments that users are assigned to, for `experiments.assign`."""
    query = _all.where(_columns.workspace == workspace, _columns.ended_at.is_(None))
    found: list[Experiment] = []
    for row in await connection.execute(query):
        try:
            found.append(_experiment(workspace, row))
        except (KeyError, TypeError) as error:  # another release stored it
            told = {"workspace": workspace, "experiment": row[0], "reason": repr(error)}
            log.warning("A stored experiment is left out.", extra=told)
    return [experiment for experiment in found if experiment.runs]


async def save(connection: AsyncConnection, experiment: Experiment) -> None:
    """Store an experiment, over one of the same name. Needs the workspace's lock alone."""
    key = (_columns.workspace == experiment.workspace) & (_columns.name == experiment.name)
    await connection.execute(delete(experiments).where(key))
    row = {
        "workspace": experiment.workspace,
        "name": experiment.name,
        "definition": experiment.definition(),
        "started_at": experiment.started_at,
        "ended_at": experiment.ended_at,
    }
    await connection.execute(insert(experiments).values(row))


async def scenario_names(connection: AsyncConnection, workspace: str) -> list[str]:
    """Return the names of all scenarios, sorted."""
    query = select(scenarios.c.name).where(scenarios.c.workspace == workspace)
    return list((await connection.execute(query.order_by(scenarios.c.name))).scalars())


def _experiment(
    workspace: str, row: Row[str, dict[str, object], datetime, datetime | None]
) -> Experiment:
    name, definition, started_at, ended_at = row
    return restored(workspace, name, definition, started_at, ended_at)
