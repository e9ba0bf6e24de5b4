"""All SQL about how much there is to train on."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Subquery, Table, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity.tables import anomalies, corpora, verdicts


@dataclass(frozen=True, slots=True)
class Trainable:
    """What a workspace has; `mark` is another one after every change of what a training reads."""

    workspace: str
    rows: int  # anomalies
    epoch: int
    mark: str


async def trainable(connection: AsyncConnection, workspace: str | None = None) -> list[Trainable]:
    """Return this for the workspace, or for each one, that has anomalies."""
    has, told = _number(anomalies, ~anomalies.c.deleted), _number(verdicts, true())
    of = corpora.c
    given = func.coalesce(told.c.number, 0)
    query = (
        select(of.workspace, has.c.number, of.epoch, of.revision, of.vocabulary, given)
        .join(has, has.c.workspace == of.workspace)
        .outerjoin(told, told.c.workspace == of.workspace)
    )
    if workspace is not None:
        query = query.where(of.workspace == workspace)
    found = await connection.execute(query)
    return [Trainable(*row[:3], mark=".".join(map(str, row[2:]))) for row in found]


def _number(table: Table, condition: ColumnElement[bool]) -> Subquery:
    of = table.c.workspace
    return (
        select(of, func.count().label("number"))
        .where(condition)
        .group_by(of)
        .subquery(table.name + "_number")
    )
