"""All SQL that writes anomalies. It needs the workspace's lock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity.records import Anomaly
from services.anomaly_similarity.repository import LINKS
from services.anomaly_similarity.search.text import fold
from services.anomaly_similarity.tables import anomalies, anomaly_components, anomaly_users


async def insert_anomalies(
    connection: AsyncConnection, workspace: str, new: Sequence[Anomaly], at: datetime, revision: int
) -> None:
    """Insert anomalies with their links."""
    rows = [{"workspace": workspace, **_columns(each, at, revision)} for each in new]
    if rows:
        await connection.execute(insert(anomalies), rows)
        await _link(connection, workspace, new)


async def update_anomalies(
    connection: AsyncConnection,
    workspace: str,
    changed: Sequence[Anomaly],
    at: datetime,
    revision: int,
) -> None:
    """Replace anomalies, also deleted ones, and their links."""
    rows = [{"of": each.anomaly_id, **_columns(each, at, revision)} for each in changed]
    if rows:
        here = anomalies.c.workspace == workspace, anomalies.c.anomaly_id == bindparam("of")
        await connection.execute(update(anomalies).where(*here), rows)
        await _unlink(connection, workspace, [each.anomaly_id for each in changed])
        await _link(connection, workspace, changed)


async def date(
    connection: AsyncConnection, workspace: str, written_at: Mapping[str, datetime]
) -> None:
    """Say when these anomalies were written, which was before they arrived here."""
    rows = [{"of": anomaly_id, "at": at} for anomaly_id, at in written_at.items()]
    if rows:
        here = anomalies.c.workspace == workspace, anomalies.c.anomaly_id == bindparam("of")
        dated = update(anomalies).where(*here).values(written_at=bindparam("at"))
        await connection.execute(dated, rows)


async def touch(
    connection: AsyncConnection, workspace: str, anomaly_ids: Sequence[str], revision: int
) -> None:
    """Give anomalies a new revision, because something beside them changed."""
    rows = [{"of": anomaly_id} for anomaly_id in anomaly_ids]
    here = anomalies.c.workspace == workspace, anomalies.c.anomaly_id == bindparam("of")
    await connection.execute(update(anomalies).where(*here).values(revision=revision), rows)


async def delete_anomaly(
    connection: AsyncConnection, workspace: str, gone: Anomaly, at: datetime, revision: int
) -> None:
    """Empty an anomaly and mark it as deleted."""
    empty = Anomaly(anomaly_id=gone.anomaly_id, description="", occurred_at=gone.occurred_at)
    values = _columns(empty, at, revision) | {"folded": "", "deleted": True, "deleted_at": at}
    here = anomalies.c.workspace == workspace, anomalies.c.anomaly_id == gone.anomaly_id
    await connection.execute(update(anomalies).where(*here).values(values))
    await _unlink(connection, workspace, [gone.anomaly_id])


def _columns(anomaly: Anomaly, at: datetime, revision: int) -> dict[str, Any]:
    texts = (anomaly.anomaly_id, anomaly.description, anomaly.solution or "")
    return {
        "anomaly_id": anomaly.anomaly_id,
        "description": anomaly.description,
        "severity": anomaly.severity,
        "occurred_at": anomaly.occurred_at,
        "recommended_product": anomaly.recommended_product,
        "solution": anomaly.solution,
        "outcome": anomaly.outcome,
        "attributes": dict(anomaly.attributes),
        "folded": "\n".join(map(fold, texts)),
        "deleted": False,
        "written_at": at,
        "revision": revision,
    }


async def _link(connection: AsyncConnection, workspace: str, told: Sequence[Anomaly]) -> None:
    by_table = {
        anomaly_components: [
            {"workspace": workspace, "anomaly_id": each.anomaly_id, "component_id": component_id}
            for each in told
            for component_id in each.component_ids
        ],
        anomaly_users: [
            {"workspace": workspace, "anomaly_id": each.anomaly_id, "user_name": user_name}
            for each in told
            for user_name in each.user_names
        ],
    }
    for table, rows in by_table.items():
        if rows:
            await connection.execute(insert(table), rows)


async def _unlink(connection: AsyncConnection, workspace: str, ids: Sequence[str]) -> None:
    for table, _ in LINKS:
        here = table.c.workspace == workspace, table.c.anomaly_id == bindparam("of")
        await connection.execute(delete(table).where(*here), [{"of": each} for each in ids])
