"""All SQL about questions for similar anomalies and their answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Literal

import orjson
from sqlalchemy import (
    ColumnElement,
    String,
    Update,
    bindparam,
    case,
    delete,
    func,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity.lookups import IN_LIST, among, rows_by_id
from services.anomaly_similarity.tables import anomalies, similarity_requests
from services.database import UtcDateTime, insert_new

Finished = Literal["done", "failed"]
Place = tuple[str, str]  # workspace, and id of the request

SWEPT = 2_000  # rows deleted in one transaction: others write in between

_of = similarity_requests.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question as it is stored; `question` is JSON."""

    task_result_id: str
    user_name: str
    anomaly_id: str
    question: str
    requested_at: datetime
    callback_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed(Asked):
    """A question that is being answered; `attempts` counts this one."""

    attempts: int


@dataclass(frozen=True, slots=True)
class Stored:
    """How a question stands; `result` is JSON, ready to be sent."""

    status: Literal["pending", "done", "failed"]
    result: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a question came to; `result` is JSON, ready to be sent."""

    task_result_id: str
    status: Finished
    result: str


async def existing(
    connection: AsyncConnection, workspace: str, anomaly_ids: Iterable[str]
) -> set[str]:
    """Return those of the anomalies that exist."""
    rows = await rows_by_id(connection, anomalies, "anomaly_id", workspace, list(anomaly_ids))
    return {row.anomaly_id for row in rows if not row.deleted}


async def insert(connection: AsyncConnection, workspace: str, asked: Sequence[Asked]) -> None:
    """Store questions that wait for their answers."""
    rows = [
        {
            "workspace": workspace,
            "task_result_id": each.task_result_id,
            "user_name": each.user_name,
            "anomaly_id": each.anomaly_id,
            "question": each.question,
            "requested_at": each.requested_at,
            "status": "pending",
            "attempts": 0,
            "callback_url": each.callback_url,
            "callback_attempts": 0,
        }
        for each in asked
    ]
    await insert_new(connection, similarity_requests, rows, returning=_of.task_result_id)


async def find(
    connection: AsyncConnection, workspace: str, task_result_id: str, user_name: str
) -> Stored | None:
    """Return how the question of this user stands; None where there is none."""
    query = select(_of.status, _of.result).where(
        *_one(workspace, task_result_id), _of.user_name == user_name
    )
    row = (await connection.execute(query)).first()
    return Stored(*row) if row else None


async def shown(
    connection: AsyncConnection, workspace: str, ids: Sequence[str]
) -> dict[str, list[str]]:
    """Return which cases the answers to these questions show, the best first."""
    rows = await rows_by_id(connection, similarity_requests, "task_result_id", workspace, ids)
    return {
        row.task_result_id: [
            case["anomaly_id"]
            for found in orjson.loads(row.result)["search_results"]
            for case in found["anomalies"]
        ]
        for row in rows
        if row.status == "done"
    }


async def pending(connection: AsyncConnection, places: Sequence[Place]) -> set[Place]:
    """Return those of the questions that wait for their answers."""
    found: set[Place] = set()
    for start in range(0, len(places), IN_LIST // 2):
        some = places[start : start + IN_LIST // 2]
        query = select(_of.workspace, _of.task_result_id).where(
            among(connection, (_of.workspace, _of.task_result_id), some), _of.status == "pending"
        )
        found.update((row[0], row[1]) for row in await connection.execute(query))
    return found


async def count_pending(connection: AsyncConnection) -> int:
    """Return how many questions wait for their answers, in all workspaces."""
    query = select(func.count()).where(_of.status == "pending")
    return int((await connection.execute(query)).scalar_one())


async def claim(connection: AsyncConnection, workspace: str, ids: Sequence[str]) -> list[Claimed]:
    """Begin with those of the questions that wait for their answers: each is told how often it was begun."""
    query = (
        update(similarity_requests)
        .where(_of.workspace == workspace, _of.task_result_id.in_(ids), _of.status == "pending")
        .values(attempts=_of.attempts + 1)
        .returning(
            _of.task_result_id,
            _of.user_name,
            _of.anomaly_id,
            _of.question,
            _of.requested_at,
            _of.callback_url,
            _of.attempts,
        )
    )
    rows = await connection.execute(query)
    return [Claimed(**row._mapping) for row in rows]


async def unclaim(connection: AsyncConnection, workspace: str, task_result_id: str) -> None:
    """Take a beginning back that came to nothing for want of something else."""
    begun = *_one(workspace, task_result_id), _of.attempts > 0
    query = update(similarity_requests).where(*begun).values(attempts=_of.attempts - 1)
    await connection.execute(query)


async def finish(
    connection: AsyncConnection, workspace: str, outcomes: Sequence[Outcome], now: datetime
) -> list[Outcome]:
    """Store what the questions came to; return those that had no answer yet."""
    if connection.dialect.name == "postgresql":
        given = {
            "here": workspace,
            "now": now,
            "ids": [each.task_result_id for each in outcomes],
            "statuses": [each.status for each in outcomes],
            "results": [each.result for each in outcomes],
        }
        stored = set((await connection.execute(_finish_many(), given)).scalars())
        return [each for each in outcomes if each.task_result_id in stored]
    return [each for each in outcomes if await _finish_one(connection, workspace, each, now)]


_FINISHED = {
    "finished_at": bindparam("now", type_=UtcDateTime),
    "callback_due_at": case((_of.callback_url.is_not(None), bindparam("now", type_=UtcDateTime))),
}


@cache
def _finish_many() -> Update:
    arrays = [bindparam(name, type_=ARRAY(String)) for name in ("ids", "statuses", "results")]
    told = func.unnest(*arrays).table_valued("id", "status", "result").render_derived()
    mine = _of.workspace == bindparam("here"), _of.task_result_id == told.c.id
    return (
        update(similarity_requests)
        .where(*mine, _of.status == "pending")
        .values(status=told.c.status, result=told.c.result, **_FINISHED)
        .returning(_of.task_result_id)
    )


async def _finish_one(
    connection: AsyncConnection, workspace: str, outcome: Outcome, now: datetime
) -> bool:
    mine = *_one(workspace, outcome.task_result_id), _of.status == "pending"
    told = {"status": outcome.status, "result": outcome.result, **_FINISHED}
    query = update(similarity_requests).where(*mine).values(told)
    return bool((await connection.execute(query, {"now": now})).rowcount)


async def overdue(connection: AsyncConnection, before: datetime, *, limit: int) -> list[Place]:
    """Return the oldest questions that were asked before and wait for their answers still."""
    query = (
        select(_of.workspace, _of.task_result_id)
        .where(_of.status == "pending", _of.requested_at < before)
        .order_by(_of.requested_at)
        .limit(limit)
    )
    return [(row[0], row[1]) for row in await connection.execute(query)]


async def sweep(connection: AsyncConnection, before: datetime) -> int:
    """Delete some of the questions that were asked before; return how many, 0 when none is left."""
    old = select(_of.workspace, _of.task_result_id).where(_of.requested_at < before).limit(SWEPT)
    gone = tuple_(_of.workspace, _of.task_result_id).in_(old)
    return (await connection.execute(delete(similarity_requests).where(gone))).rowcount


def _one(workspace: str, task_result_id: str) -> tuple[ColumnElement[bool], ...]:
    return _of.workspace == workspace, _of.task_result_id == task_result_id
