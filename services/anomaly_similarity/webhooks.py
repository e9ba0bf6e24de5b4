"""Webhooks: who asked with a `callback_url` is told that the answer is there, by the worker.

The message is small and says nothing of the cases: who gets it fetches the answer with a token.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Literal

import httpcore
import orjson
from prometheus_client import Counter

from services.anomaly_similarity import callbacks_repository, signing
from services.anomaly_similarity.addresses import Guarded, Refused
from services.anomaly_similarity.callbacks_repository import Callback
from services.database import EVERY_WORKSPACE, Database, DatabaseUnavailable
from services.repeating import repeating

ATTEMPTS = 8  # the last one about a day after the first
FIRST_PAUSE = timedelta(seconds=15)  # longer than an attempt takes
GROWTH = 4  # from one pause to the next
JITTER = 0.25  # of a pause: those that failed together do not come back together
TIMEOUT = 10.0  # seconds for one attempt, looking up the name included
AT_ONCE = 20  # attempts; one that hangs holds up no other
LOOK_EVERY = 0.5  # seconds

Outcome = Literal["delivered", "failed", "given_up", "refused"]

log = logging.getLogger(__name__)
_outcomes = Counter(
    "akin_similarity_webhooks",
    "Attempts to deliver a webhook: delivered, failed, given_up, refused.",
    ["outcome"],
)


class Webhooks:
    """Delivers what is due. Any number of processes may do so side by side."""

    def __init__(self, database: Database, key: bytes, *, allow_private: bool) -> None:
        self._database = database
        self._key = key
        self._network = Guarded(allow_private=allow_private)
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=AT_ONCE, max_keepalive_connections=0, network_backend=self._network
        )
        self._running: set[asyncio.Task[None]] = set()

    async def deliver(self) -> None:
        """Begin with what is due, and leave it running."""
        room = AT_ONCE - len(self._running)
        if not room:
            return
        try:
            async with self._database.transaction(EVERY_WORKSPACE) as connection:
                now = datetime.now(UTC)
                due = await callbacks_repository.take_due(connection, now, next_try, limit=room)
        except DatabaseUnavailable as error:
            log.warning("Webhooks wait: %s", error)
            return
        for callback in due:
            task = asyncio.create_task(self._attempt(callback))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """Cut short what is running: it is due again."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._pool.aclose()
        self._network.close()

    async def _attempt(self, callback: Callback) -> None:
        outcome = await self._post(callback)
        _outcomes.labels(outcome).inc()
        if outcome not in ("delivered", "refused"):
            return
        try:
            async with self._database.transaction(callback.workspace) as connection:
                await callbacks_repository.settle(connection, callback)
        except DatabaseUnavailable as error:
            log.warning("A webhook will be delivered once more: %s", error)

    async def _post(self, callback: Callback) -> Outcome:
        body = message(callback)
        headers = signing.headers(self._key, callback.task_result_id, int(time.time()), body)
        headers += [("content-type", "application/json"), ("user-agent", "Akin")]
        named = {"task_result_id": callback.task_result_id, "attempt": callback.attempts}
        try:
            async with (
                asyncio.timeout(TIMEOUT),
                # Nothing of the answer's body is read, and no redirect is followed.
                self._pool.stream("POST", callback.url, headers=headers, content=body) as answer,
            ):
                status = answer.status
        except Refused as error:
            log.warning("A webhook is refused: %s", error, extra=named)
            return "refused"
        except Exception as error:  # whatever the other side makes of the protocol
            log.info("A webhook failed: %r", error, extra=named)
            status = 0
        if 200 <= status < 300:
            return "delivered"
        if callback.attempts < ATTEMPTS:
            return "failed"
        log.warning("A webhook is given up, the last answer was %s.", status, extra=named)
        return "given_up"


def message(callback: Callback) -> bytes:
    """Return the body of a webhook."""
    data = {
        "task_result_id": callback.task_result_id,
        "user_name": callback.user_name,
        "anomaly_id": callback.anomaly_id,
        "status": callback.status,
    }
    at = callback.finished_at
    return orjson.dumps({"type": "similarity.computed", "timestamp": at, "data": data})


def next_try(attempts: int) -> datetime | None:
    """Return when an answer is due again after so many attempts; None: never."""
    if attempts >= ATTEMPTS:
        return None
    pause: timedelta = FIRST_PAUSE * GROWTH ** (attempts - 1)
    return datetime.now(UTC) + pause * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311


@asynccontextmanager
async def delivering(database: Database, key: bytes, *, allow_private: bool) -> AsyncIterator[None]:
    """Deliver until the end of the block."""
    webhooks = Webhooks(database, key, allow_private=allow_private)
    try:
        async with repeating(webhooks.deliver, interval=LOOK_EVERY):
            yield
    finally:
        await webhooks.close()
