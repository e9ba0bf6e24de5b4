"""All SQL about operators' verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity.lookups import rows_by_id
from services.anomaly_similarity.tables import verdicts
from services.database import insert_new


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """What an operator said of a case that was shown for an anomaly; `solved` None: not told."""

    anomaly_id: str
    similar_anomaly_id: str
    user_name: str
    useful: bool
    solved: bool | None
    recorded_at: datetime


async def insert(
    connection: AsyncConnection, workspace: str, rows: Sequence[Mapping[str, Any]]
) -> set[str]:
    """Insert verdicts by their events' ids, and return which of these are new."""
    mine = [{"workspace": workspace, **row} for row in rows]
    return set(await insert_new(connection, verdicts, mine, returning=verdicts.c.event_id))


async def of_anomaly(
    connection: AsyncConnection, workspace: str, anomaly_id: str
) -> list[StoredVerdict]:
    """Return each user's latest verdict on each case that was shown for this anomaly, the oldest first."""
    return _latest(await rows_by_id(connection, verdicts, "anomaly_id", workspace, [anomaly_id]))


async def on_cases(
    connection: AsyncConnection, workspace: str, case_ids: Sequence[str]
) -> list[StoredVerdict]:
    """Return the same of these cases, whatever anomaly they were shown for."""
    ids = list(dict.fromkeys(case_ids))
    return _latest(await rows_by_id(connection, verdicts, "similar_anomaly_id", workspace, ids))


async def all_verdicts(connection: AsyncConnection, workspace: str) -> list[StoredVerdict]:
    """Return the same of all cases."""
    found = await connection.execute(select(verdicts).where(verdicts.c.workspace == workspace))
    return _latest(found)


def _latest(rows: Iterable[Row[Any]]) -> list[StoredVerdict]:
    # Ordered here: databases differ in how they order texts, and two may come at the same moment.
    ordered = sorted(rows, key=lambda row: (row.recorded_at, row.event_id), reverse=True)
    latest: dict[tuple[str, str, str], StoredVerdict] = {}
    for row in ordered:
        pair = (row.anomaly_id, row.similar_anomaly_id, row.user_name)
        latest.setdefault(pair, StoredVerdict(*pair, row.useful, row.solved, row.recorded_at))
    return list(latest.values())[::-1]


async def delete_of(connection: AsyncConnection, workspace: str, anomaly_id: str) -> None:
    """Delete the verdicts given for an anomaly, and those on it as a case."""
    named = or_(verdicts.c.anomaly_id == anomaly_id, verdicts.c.similar_anomaly_id == anomaly_id)
    await connection.execute(delete(verdicts).where(verdicts.c.workspace == workspace, named))
