"""All SQL about operators' edits of the vocabulary. Writing needs the workspace's lock."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity.repository import corpus_state, save_state
from services.anomaly_similarity.search.vocabulary import Entry
from services.anomaly_similarity.tables import vocabulary_edits


async def edits(connection: AsyncConnection, workspace: str) -> list[Entry]:
    """Return all edits, by term."""
    of = vocabulary_edits.c
    query = (
        select(of.term, of.stands_for, of.kind).where(of.workspace == workspace).order_by(of.term)
    )
    return [Entry(*row, edited=True) for row in await connection.execute(query)]


async def put(connection: AsyncConnection, workspace: str, entry: Entry, at: datetime) -> None:
    """Write an edit, or replace the one that there is for its term."""
    await _delete(connection, workspace, entry.term)
    row = {
        "workspace": workspace,
        "term": entry.term,
        "stands_for": entry.stands_for,
        "kind": entry.kind,
        "written_at": at,
    }
    await connection.execute(insert(vocabulary_edits).values(row))
    await _move(connection, workspace)


async def remove(connection: AsyncConnection, workspace: str, term: str) -> bool:
    """Undo an edit; tell whether there was one."""
    found = await _delete(connection, workspace, term)
    if found:
        await _move(connection, workspace)
    return found


async def _delete(connection: AsyncConnection, workspace: str, term: str) -> bool:
    of = vocabulary_edits.c
    here = of.workspace == workspace, of.term == term
    return bool((await connection.execute(delete(vocabulary_edits).where(*here))).rowcount)


async def _move(connection: AsyncConnection, workspace: str) -> None:
    state = await corpus_state(connection, workspace)
    await save_state(connection, workspace, replace(state, vocabulary=state.vocabulary + 1))
