"""The platform of one test: its processes, one workspace, and a look behind the scenes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from sqlalchemy import func, select

from services import broker, database
from services.broker import INTERACTIONS
from services.database import DatabaseUnavailable
from services.recommendations.tables import interactions
from tests.e2e.parts import Part

WITHIN = 120.0  # seconds until events flow into the table again after a fault, or all are there


class House:
    """The processes that were made in it, and the test's own connections to what they share."""

    def __init__(
        self,
        home: Path,
        settings: Mapping[str, str],
        workspace: str,
        data: database.Database,
        queue: broker.Broker,
    ) -> None:
        self.workspace = workspace
        self.data = data
        self._queue = queue
        self._home = home
        self._settings = {**settings, "AKIN_HOME": str(home)}
        self._parts: list[Part] = []

    def part(self, name: str, *command: str) -> Part:
        """Return a process of this house, not started: `python <command>`."""
        made = Part(name, command, folder=self._home, settings=self._settings)
        self._parts.append(made)
        return made

    def http(self, name: str) -> Part:
        """Return the process of `services.<name>:app`."""
        quiet = ("--no-access-log", "--log-level", "warning")
        return self.part(name.removesuffix(".app"), "-m", "uvicorn", f"services.{name}:app", *quiet)

    def kill(self) -> None:
        """End all processes, whatever they do."""
        for part in self._parts:
            part.kill()

    async def stored(self, event_ids: Sequence[str] | None = None) -> int:
        """Return how many reactions the table has: of these events, or at all."""
        columns = interactions.c
        query = select(func.count()).where(columns.workspace == self.workspace)
        if event_ids is not None:
            query = query.where(columns.event_id.in_(event_ids))
        async with self.data.reading(self.workspace) as connection:
            return int((await connection.execute(query)).scalar_one())

    async def storing(self, events: int = 50) -> None:
        """Return when so many more events came into the table; it may be away for a while."""
        goal = None
        async with asyncio.timeout(WITHIN):
            while True:
                with suppress(DatabaseUnavailable):
                    now = await self.stored()
                    goal = goal or now + events
                    if now >= goal:
                        return
                await asyncio.sleep(0.05)

    async def depth(self) -> int:
        """Return how many messages wait; RabbitMQ leaves out those that a worker holds."""
        return await self._queue.depth(INTERACTIONS)

    async def empty(self) -> None:
        """Return when no message waits."""
        async with asyncio.timeout(WITHIN):
            while await self.depth():
                await asyncio.sleep(0.1)

    async def dead_letters(self) -> list[str]:
        """Return why events were put aside."""
        return [letter.reason for letter in await self._queue.dead_letters(10)]


@asynccontextmanager
async def house(
    home: Path, settings: Mapping[str, str], workspace: str, *, data_url: str, queue_url: str
) -> AsyncIterator[House]:
    """Give a house on a migrated database, nothing started; what is running at the end is killed."""
    await database.migrate(data_url)
    async with database.connect(data_url, pool_size=2) as data, broker.connect(queue_url) as queue:
        made = House(home, settings, workspace, data, queue)
        try:
            yield made
        finally:
            made.kill()
