"""Waiting for answers: whoever waits holds no connection, and one look asks for all of them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic

from services.anomaly_similarity import requests_repository
from services.anomaly_similarity.requests_repository import Place, Stored
from services.coalescing import Overloaded
from services.database import EVERY_WORKSPACE, Database, DatabaseUnavailable
from services.repeating import repeating

LOOK_EVERY = 0.1  # seconds between two looks, while somebody waits
MOST = 1_000  # requests that may wait in one process; beyond it: 503
COMMENT_EVERY = 15.0  # seconds; proxies close a stream that is silent for 30 to 60
LONGEST_STREAM = 600.0  # seconds; the client then connects again, with a token that holds
GONE = '{"status":"failed","error":"The request does not exist any more."}'


class Waiting:
    """Gives answers, at once or when they are there."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: defaultdict[Place, set[asyncio.Event]] = defaultdict(set)
        self._count = 0

    async def result(self, place: Place, user_name: str, *, seconds: float = 0.0) -> Stored | None:
        """Return how a question stands, at the latest after so many seconds; None where there is none.

        Raises:
            Overloaded: too many wait.
        """
        found = await self._find(place, user_name)
        if found is None or found.status != "pending" or not seconds:
            return found
        self.require_room()
        await self._finished(place, seconds)
        return await self._find(place, user_name)

    async def stream(self, place: Place, user_name: str) -> AsyncIterator[str]:
        """Yield server-sent events: a comment at once and now and then, and the answer at the end."""
        began = monotonic()
        yield ": waiting\n\n"
        while not await self._finished(place, COMMENT_EVERY):
            if monotonic() - began > LONGEST_STREAM:
                return
            yield ": still waiting\n\n"
        found = await self._find(place, user_name)
        status, result = (found.status, found.result) if found else ("failed", GONE)
        yield f"event: {status}\nid: {place[1]}\ndata: {result}\n\n"

    def require_room(self) -> None:
        """Raise `Overloaded` where as many wait as may."""
        if self._count >= MOST:
            raise Overloaded(f"{self._count} requests wait for answers already.")

    async def look(self) -> None:
        """Wake those who wait for what is not pending any more."""
        places = list(self._waiting)
        if not places:
            return
        try:
            async with self._database.reading(EVERY_WORKSPACE) as connection:
                pending = await requests_repository.pending(connection, places)
        except DatabaseUnavailable:
            return  # those who wait are told so by their own last look
        for place in set(places) - pending:
            for waiter in self._waiting.get(place, ()):
                waiter.set()

    async def _finished(self, place: Place, seconds: float) -> bool:
        """Tell whether the question is not pending any more; wait for it for so many seconds."""
        waiter = asyncio.Event()
        self._waiting[place].add(waiter)
        self._count += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await waiter.wait()
        finally:
            self._count -= 1
            self._waiting[place].discard(waiter)
            if not self._waiting[place]:
                del self._waiting[place]
        return waiter.is_set()

    async def _find(self, place: Place, user_name: str) -> Stored | None:
        workspace, task_result_id = place
        async with self._database.reading(workspace) as connection:
            return await requests_repository.find(connection, workspace, task_result_id, user_name)


@asynccontextmanager
async def looking(database: Database) -> AsyncIterator[Waiting]:
    """Give what waits; it looks until the end of the block."""
    waiting = Waiting(database)
    async with repeating(waiting.look, interval=LOOK_EVERY):
        yield waiting
