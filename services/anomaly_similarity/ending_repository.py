"""All SQL about when records ended: what was said before that, and arrives after it, is dropped."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity.lookups import rows_by_id
from services.anomaly_similarity.tables import anomalies, corpora


@dataclass(frozen=True, slots=True)
class Endings:
    """When the workspace was cleaned up last, and when each anomaly was deleted last."""

    cleaned_at: datetime | None
    deleted_at: Mapping[str, datetime | None]

    def spare(self, at: datetime, *anomaly_ids: str) -> bool:
        """Tell whether what was said of these anomalies at this moment still counts."""
        ends = [self.cleaned_at, *(self.deleted_at.get(each) for each in anomaly_ids)]
        return all(end is None or at > end for end in ends)


async def endings(
    connection: AsyncConnection, workspace: str, anomaly_ids: Collection[str]
) -> Endings:
    """Return what ended. Needs the lock, for as long as it is to hold."""
    cleaned_at = await _cleaned_at(connection, workspace)
    rows = await rows_by_id(connection, anomalies, "anomaly_id", workspace, list(anomaly_ids))
    return Endings(cleaned_at, {row.anomaly_id: row.deleted_at for row in rows})


async def note_cleanup(connection: AsyncConnection, workspace: str, until: datetime) -> None:
    """Remember a cleanup; an earlier one may come after a later one. Needs the lock."""
    before = await _cleaned_at(connection, workspace)
    latest = max(until, before or until)
    await connection.execute(
        update(corpora).where(corpora.c.workspace == workspace).values(cleaned_at=latest)
    )


async def _cleaned_at(connection: AsyncConnection, workspace: str) -> datetime | None:
    query = select(corpora.c.cleaned_at).where(corpora.c.workspace == workspace)
    found: datetime | None = (await connection.execute(query)).scalar()
    return found
