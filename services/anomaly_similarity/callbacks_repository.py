"""All SQL about who is to be told of an answer, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity.requests_repository import Finished
from services.anomaly_similarity.tables import similarity_requests

_of = similarity_requests.c
_COLUMNS = (
    _of.workspace,
    _of.task_result_id,
    _of.user_name,
    _of.anomaly_id,
    _of.status,
    _of.finished_at,
    _of.callback_url.label("url"),
    (_of.callback_attempts + 1).label("attempts"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """An answer that a client is to be told of; `attempts` were made, this one included."""

    workspace: str
    task_result_id: str
    user_name: str
    anomaly_id: str
    status: Finished
    finished_at: datetime
    url: str
    attempts: int


async def take_due(
    connection: AsyncConnection,
    now: datetime,
    next_try: Callable[[int], datetime | None],
    *,
    limit: int,
) -> list[Callback]:
    """Return what is due, and set when each is due again: it is, if whoever took it dies."""
    query = (
        select(*_COLUMNS)
        .where(_of.callback_due_at <= now)
        .order_by(_of.callback_due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = [Callback(**row._mapping) for row in await connection.execute(query)]
    rows = [
        {
            "here": each.workspace,
            "of": each.task_result_id,
            "callback_attempts": each.attempts,
            "callback_due_at": next_try(each.attempts),
        }
        for each in taken
    ]
    if rows:
        mine = _of.workspace == bindparam("here"), _of.task_result_id == bindparam("of")
        await connection.execute(update(similarity_requests).where(*mine), rows)
    return taken


async def settle(connection: AsyncConnection, callback: Callback) -> None:
    """Note that nobody is to be told of this answer any more."""
    mine = _of.workspace == callback.workspace, _of.task_result_id == callback.task_result_id
    await connection.execute(update(similarity_requests).where(*mine).values(callback_due_at=None))
