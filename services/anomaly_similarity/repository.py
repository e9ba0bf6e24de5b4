"""All SQL that reads anomalies, and the lock; writing, components and people, and cleanups have a
`*_repository.py` of their own.

**Locks.** Revisions must become visible in their order, or who follows would miss some. So whoever writes
holds the workspace's lock alone. SQLite has one writer at a time, which is the same.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Row,
    Table,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity.lookups import rows_by_id
from services.anomaly_similarity.records import Anomaly, Changed
from services.anomaly_similarity.tables import (
    anomalies,
    anomaly_components,
    anomaly_users,
    corpora,
)

FOLLOWED = 1_000  # rows held at once by whoever follows; 5,000 hold the event loop for 0.2 s

_lock = text("SELECT pg_advisory_xact_lock(:key)")
LINKS = ((anomaly_components, "component_id"), (anomaly_users, "user_name"))


@dataclass(frozen=True, slots=True)
class CorpusState:
    """Where a workspace's records stand."""

    epoch: int = 0
    revision: int = 0
    vocabulary: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which anomalies to list. `words` are folded, and all of them must be contained."""

    severity: str | None = None
    component: str | None = None
    product: str | None = None
    words: tuple[str, ...] = ()
    since: datetime | None = None
    before: datetime | None = None
    after: tuple[datetime, str] | None = None  # time and id of the last one listed


async def lock(connection: AsyncConnection, workspace: str) -> None:
    """Hold the workspace's lock until the transaction ends."""
    if connection.dialect.name == "postgresql":
        key = zlib.crc32(b"anomalies:" + workspace.encode())
        await connection.execute(_lock, {"key": key})


async def corpus_state(connection: AsyncConnection, workspace: str) -> CorpusState:
    """Return where the records stand; a workspace that nobody used stands at the beginning."""
    of = corpora.c
    query = select(of.epoch, of.revision, of.vocabulary).where(of.workspace == workspace)
    row = (await connection.execute(query)).first()
    return CorpusState(*row) if row else CorpusState()


async def save_state(connection: AsyncConnection, workspace: str, state: CorpusState) -> None:
    """Store where the records stand. Needs the lock."""
    values = asdict(state)
    changed = await connection.execute(
        update(corpora).where(corpora.c.workspace == workspace).values(values)
    )
    if not changed.rowcount:
        await connection.execute(insert(corpora).values(workspace=workspace, **values))


async def anomalies_by_id(
    connection: AsyncConnection, workspace: str, anomaly_ids: Sequence[str]
) -> dict[str, Changed]:
    """Return those of the anomalies that exist, or did."""
    rows = await rows_by_id(connection, anomalies, "anomaly_id", workspace, anomaly_ids)
    return {each.anomaly_id: each for each in await _with_links(connection, workspace, rows)}


async def find_anomalies(
    connection: AsyncConnection, workspace: str, wanted: Wanted, *, limit: int
) -> list[Anomaly]:
    """Return the newest anomalies that are wanted."""
    latest = anomalies.c.occurred_at.desc(), anomalies.c.anomaly_id.desc()
    query = select(anomalies).where(*_conditions(workspace, wanted)).order_by(*latest).limit(limit)
    rows = (await connection.execute(query)).all()
    found = await _with_links(connection, workspace, rows)
    return [each.anomaly for each in found if each.anomaly is not None]


def _conditions(workspace: str, wanted: Wanted) -> list[ColumnElement[bool]]:
    of = anomalies.c
    conditions = [of.workspace == workspace, ~of.deleted]
    if wanted.severity is not None:
        conditions.append(of.severity == wanted.severity)
    if wanted.product is not None:
        conditions.append(of.recommended_product == wanted.product)
    if wanted.component is not None:
        conditions.append(
            _links_to(anomaly_components, "component_id", workspace, wanted.component)
        )
    conditions += [of.folded.contains(word, autoescape=True) for word in wanted.words]
    if wanted.since is not None:
        conditions.append(of.occurred_at >= wanted.since)
    if wanted.before is not None:
        conditions.append(of.occurred_at < wanted.before)
    if wanted.after is not None:
        at, anomaly_id = wanted.after
        conditions.append(of.occurred_at <= at)  # which the index can be searched by
        conditions.append(or_(of.occurred_at < at, of.anomaly_id < anomaly_id))
    return conditions


def _links_to(table: Table, column: str, workspace: str, value: str) -> ColumnElement[bool]:
    linked = select(table.c.anomaly_id).where(
        table.c.workspace == workspace, table.c[column] == value
    )
    return anomalies.c.anomaly_id.in_(linked)


async def changed_anomalies(
    connection: AsyncConnection, workspace: str, after: int
) -> AsyncIterator[list[Changed]]:
    """Yield what changed after the revision `after`, `FOLLOWED` at a time, in no order."""
    last = ""
    while True:
        query = (
            select(anomalies)
            .where(
                anomalies.c.workspace == workspace,
                anomalies.c.revision > after,
                anomalies.c.anomaly_id > last,
            )
            .order_by(anomalies.c.anomaly_id)
            .limit(FOLLOWED)
        )
        rows = (await connection.execute(query)).all()
        if rows:
            yield await _with_links(connection, workspace, rows)
        if len(rows) < FOLLOWED:
            return
        last = rows[-1].anomaly_id


async def _with_links(
    connection: AsyncConnection, workspace: str, rows: Sequence[Row[Any]]
) -> list[Changed]:
    ids = [row.anomaly_id for row in rows if not row.deleted]
    linked: list[dict[str, list[str]]] = []
    for table, column in LINKS:
        names: dict[str, list[str]] = defaultdict(list)
        for row in await rows_by_id(connection, table, "anomaly_id", workspace, ids):
            names[row.anomaly_id].append(row._mapping[column])
        linked.append(names)
    return [_changed(row, *(sorted(names[row.anomaly_id]) for names in linked)) for row in rows]


def _changed(row: Row[Any], component_ids: list[str], user_names: list[str]) -> Changed:
    if row.deleted:
        return Changed(anomaly_id=row.anomaly_id, anomaly=None)
    anomaly = Anomaly(
        anomaly_id=row.anomaly_id,
        description=row.description,
        occurred_at=row.occurred_at,
        severity=row.severity,
        recommended_product=row.recommended_product,
        solution=row.solution,
        outcome=row.outcome,
        attributes=row.attributes,
        component_ids=tuple(component_ids),
        user_names=tuple(user_names),
    )
    return Changed(anomaly_id=row.anomaly_id, anomaly=anomaly)
