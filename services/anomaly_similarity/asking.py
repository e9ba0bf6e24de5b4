"""Taking questions for similar anomalies: stored, and sure to be answered, before the client is told so.

Concurrent requests share a transaction. In it the question and the event that orders its answer are stored;
the event is published after it (`outbox`), while the client has its answer already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from types import TracebackType
from typing import Self

from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity import outbox_repository, requests_repository
from services.anomaly_similarity.answer_schemas import Ask, Question
from services.anomaly_similarity.outbox import Outbox, event
from services.anomaly_similarity.requests_repository import Asked
from services.anomaly_similarity.service import new_id
from services.coalescing import Coalescer
from services.database import Database
from services.messages.envelope import Event
from services.messages.types import SimilarityRequested
from services.telemetry.logs import request_id

TOGETHER = 200  # questions in one transaction
WAITING = 5_000  # questions that may wait for one, some seconds' worth; beyond it: 503
IN_FLIGHT = 2  # transactions at once: one is prepared while the other commits


@dataclass(frozen=True, slots=True)
class _Item:
    workspace: str
    asked: Asked
    request: str | None  # the id of the HTTP request


class Asker:
    """Stores questions. Use it as a context manager: what waits at its end is stored before it."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox
        self._storing: Coalescer[_Item, bool] = Coalescer(
            self._store, max_batch=TOGETHER, max_waiting=WAITING, in_flight=IN_FLIGHT
        )

    async def ask(self, workspace: str, body: Ask) -> str | None:
        """Store a question and return its id; None where there is no such anomaly.

        Raises:
            Overloaded: too many wait.
            DatabaseUnavailable: nothing was stored for certain.
        """
        asked = asked_of(body)
        stored = await self._storing.submit(_Item(workspace, asked, request_id.get()))
        return asked.task_result_id if stored else None

    async def _store(self, items: list[_Item]) -> list[bool]:
        known: set[str] = set()
        for workspace, group in groupby(sorted(items, key=_workspace), key=_workspace):
            known |= await self._store_in(workspace, list(group))
        return [item.asked.task_result_id in known for item in items]

    async def _store_in(self, workspace: str, items: Sequence[_Item]) -> set[str]:
        named = {item.asked.anomaly_id for item in items}
        async with self._database.transaction(workspace) as connection:
            existing = await requests_repository.existing(connection, workspace, named)
            known = [item for item in items if item.asked.anomaly_id in existing]
            asked = [(item.asked, item.request) for item in known]
            orders = await store(connection, workspace, asked)
        self._outbox.announce(orders)
        return {item.asked.task_result_id for item in known}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._storing.close()


def asked_of(body: Ask) -> Asked:
    """Return a question as it is stored, with a new id, asked now."""
    return Asked(
        task_result_id=new_id(),
        user_name=body.user_name,
        anomaly_id=body.anomaly_id,
        question=body.model_dump_json(
            include=set(Question.model_fields), by_alias=True, exclude_none=True
        ),
        requested_at=datetime.now(UTC),
        callback_url=None if body.callback_url is None else str(body.callback_url),
    )


async def store(
    connection: AsyncConnection, workspace: str, asked: Sequence[tuple[Asked, str | None]]
) -> list[Event]:
    """Store questions, each with the id of the request that caused it, and the orders to answer them.

    The orders are to be announced (`Outbox.announce`) once the transaction is committed.
    """
    await requests_repository.insert(connection, workspace, [each for each, _ in asked])
    orders = [
        event(workspace, SimilarityRequested(task_result_id=each.task_result_id), request)
        for each, request in asked
    ]
    await outbox_repository.put(connection, orders)
    return orders


def _workspace(item: _Item) -> str:
    return item.workspace
