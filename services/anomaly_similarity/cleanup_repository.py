"""All SQL about the end of a workspace's records, and about what imports refused."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Table, delete, exists, insert, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity.directory_repository import COMPONENTS, PROFILES, Kind
from services.anomaly_similarity.ending_repository import note_cleanup
from services.anomaly_similarity.repository import (
    LINKS,
    CorpusState,
    corpus_state,
    lock,
    save_state,
)
from services.anomaly_similarity.tables import (
    anomalies,
    detections,
    imports,
    similarity_requests,
    verdicts,
    vocabulary_edits,
)

PART = 10_000  # rows deleted by one statement, some tenths of a second
KEPT = timedelta(days=7)  # what an import refused can be fetched for so long


async def clean(connection: AsyncConnection, workspace: str, until: datetime) -> None:
    """Delete what was written by `until`. Takes the lock; safe to call again."""
    await lock(connection, workspace)
    await _delete_older(connection, anomalies, workspace, until)
    for of in (*(links for links, _ in LINKS), detections):
        left = exists().where(
            anomalies.c.workspace == workspace, anomalies.c.anomaly_id == of.c.anomaly_id
        )
        await _delete(connection, of, of.c.workspace == workspace, ~left)
    said = verdicts.c.workspace == workspace, verdicts.c.recorded_at <= until
    await _delete(connection, verdicts, *said)
    for kind in (COMPONENTS, PROFILES):
        # What was recorded since may name one of these.
        await _delete_older(connection, kind.table, workspace, until, ~_is_named(kind, workspace))
    old = imports.c.workspace == workspace, imports.c.imported_at <= until
    await connection.execute(delete(imports).where(*old))
    questions = similarity_requests.c
    left = exists().where(
        anomalies.c.workspace == workspace, anomalies.c.anomaly_id == questions.anomaly_id
    )
    # An answer that was computed while the cleanup travelled may hold what is gone.
    void = or_(questions.requested_at <= until, questions.status != "pending", ~left)
    await _delete(connection, similarity_requests, questions.workspace == workspace, void)
    await _delete_older(connection, vocabulary_edits, workspace, until)
    state = await corpus_state(connection, workspace)
    after = CorpusState(state.epoch + 1, state.revision + 1, state.vocabulary + 1)
    await save_state(connection, workspace, after)
    await note_cleanup(connection, workspace, until)


async def _delete_older(
    connection: AsyncConnection,
    table: Table,
    workspace: str,
    until: datetime,
    *more: ColumnElement[bool],
) -> None:
    await _delete(
        connection, table, table.c.workspace == workspace, table.c.written_at <= until, *more
    )


async def _delete(
    connection: AsyncConnection, table: Table, *conditions: ColumnElement[bool]
) -> None:
    """Delete in parts: a statement has a time limit, and a large workspace is to be cleaned as well."""
    key = list(table.primary_key)
    some = select(*key).where(*conditions).limit(PART)
    while True:
        gone = await connection.execute(delete(table).where(tuple_(*key).in_(some)))
        if gone.rowcount < PART:
            return


def _is_named(kind: Kind, workspace: str) -> ColumnElement[bool]:
    links = kind.links
    return exists().where(links.c.workspace == workspace, links.c[kind.key] == kind.id)


async def keep_rejects(
    connection: AsyncConnection, workspace: str, import_id: str, rejects: str, at: datetime
) -> None:
    """Keep what an import refused, as CSV, and forget what was kept for `KEPT`."""
    expired = imports.c.workspace == workspace, imports.c.imported_at < at - KEPT
    await connection.execute(delete(imports).where(*expired))
    row = {
        "workspace": workspace,
        "import_id": import_id,
        "imported_at": at,
        "rejects": rejects,
    }
    await connection.execute(insert(imports).values(row))


async def kept_rejects(connection: AsyncConnection, workspace: str, import_id: str) -> str | None:
    """Return what an import refused, as CSV; None where there is no such import."""
    query = select(imports.c.rejects).where(
        imports.c.workspace == workspace, imports.c.import_id == import_id
    )
    return (await connection.execute(query)).scalar()
