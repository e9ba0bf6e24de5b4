"""The journal's file: one SQLite connection in one thread, one fsync for all that waits.

Operations that wait together share one transaction (group commit). WAL with `synchronous=FULL` means that
a commit that returned survives SIGKILL and the loss of power (SQLite, "PRAGMA synchronous").
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from services.broker.interface import BrokerUnavailable
from services.broker.journal_tables import create, forget
from services.broker.publishing import CONFIRM_TIMEOUT

BUSY_TIMEOUT = timedelta(seconds=4)  # for another process's write; below the confirm's 5 s
MOST_WAITING = (
    1_000  # operations; publishes are bounded by their coalescer, so only a stuck disk gets here
)
FORGET_EVERY = timedelta(seconds=1)  # deleting in bulk is cheaper than with every acknowledgement

T = TypeVar("T")
Operation = Callable[[sqlite3.Connection], Any]
Waiting = tuple[Operation, asyncio.Future[Any]]

log = logging.getLogger(__name__)


class JournalFile:
    """Runs operations on the file, in the order in which they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: queue.Queue[Waiting | None] = queue.Queue(maxsize=MOST_WAITING)
        self._thread = threading.Thread(target=self._work, name="akin-journal", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._forgotten_at = 0.0

    async def open(self) -> None:
        """Create the file if there is none.

        Raises:
            BrokerUnavailable: it cannot be opened, or is not a journal.
        """
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        await self.run(create)

    async def close(self) -> None:
        """Finish what waits and close the file."""
        await asyncio.to_thread(self._waiting.put, None)
        await asyncio.to_thread(self._thread.join)

    async def run(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Return what `operation` returned, after its transaction was committed.

        Raises:
            BrokerUnavailable: the file is locked, full or damaged, or the disk does not answer in time.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((operation, future))
            async with asyncio.timeout(CONFIRM_TIMEOUT.total_seconds()):
                return await future
        except queue.Full as error:
            raise BrokerUnavailable("The journal's disk is too slow.") from error
        except TimeoutError as error:
            raise BrokerUnavailable("The journal's disk did not confirm in time.") from error

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        while group := self._next_group():
            try:
                connection = connection or self._connect()
                results = self._commit(connection, [operation for operation, _ in group])
            except Exception as error:  # it is the callers' error, and the thread must live
                self._answer(group, error)
            else:
                self._answer(group, results)
        if connection is not None:
            connection.close()

    def _next_group(self) -> list[Waiting]:
        """Wait for an operation and return all that wait by then; nothing at the end."""
        group: list[Waiting] = []
        item = self._waiting.get()
        with suppress(queue.Empty):
            while item is not None:
                group.append(item)
                item = self._waiting.get_nowait()
        if item is None and group:
            self._waiting.put(None)  # the end is for the next call
        return group

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._path, timeout=BUSY_TIMEOUT.total_seconds(), isolation_level=None
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # 64 MiB of the log stay allocated after a burst, not all that it took.
        connection.execute("PRAGMA journal_size_limit = 67108864")
        return connection

    def _commit(self, connection: sqlite3.Connection, operations: list[Operation]) -> list[Any]:
        connection.execute("BEGIN IMMEDIATE")
        try:
            results = [operation(connection) for operation in operations]
            if time.monotonic() - self._forgotten_at > FORGET_EVERY.total_seconds():
                forget(connection)
                self._forgotten_at = time.monotonic()
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        return results

    def _answer(self, group: list[Waiting], outcome: list[Any] | Exception) -> None:
        if isinstance(outcome, sqlite3.Error | OSError):
            outcome = BrokerUnavailable(f"The journal cannot be written: {outcome}.")
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(_resolve, group, outcome)


def _resolve(group: list[Waiting], outcome: list[Any] | Exception) -> None:
    for index, (_, future) in enumerate(group):
        if future.done():  # the caller gave up
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome[index])
