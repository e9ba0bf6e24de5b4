"""The transactional outbox: an event is stored in the transaction of what it tells of, and published after it.

Whoever wrote it publishes it at once. What is left (the process died, the broker was away) the worker's relay
publishes. So an event may come twice, and never not at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from services.anomaly_similarity import outbox_repository
from services.anomaly_similarity.service import new_id
from services.broker import Broker, BrokerUnavailable
from services.database import EVERY_WORKSPACE, Database, DatabaseUnavailable
from services.messages.envelope import Event
from services.messages.types import Message
from services.repeating import repeating
from services.telemetry.logs import request_id

SOURCE = "/akin/anomaly_similarity"
RELAYED = 500  # events in one transaction
RELAY_EVERY = 1.0  # seconds
UNPUBLISHED = timedelta(seconds=3)  # whoever wrote an event so long ago has failed to publish it
TIDY_EVERY = 0.5  # seconds; one transaction deletes what hundreds of others wrote
SENDING = 100  # groups that wait for the broker; the relay sees to what is beyond it
GRACE = 6.0  # seconds for them at the end; a publish gives up after five

log = logging.getLogger(__name__)


def event(workspace: str, data: Message, request: str | None = None) -> Event:
    """Return an event of this service, as of now, caused by `request` or the one that is being answered."""
    return Event(
        id=new_id(),
        source=SOURCE,
        time=datetime.now(UTC),
        workspace=workspace,
        data=data,
        request_id=request or request_id.get(),
    )


class Outbox:
    """Publishes what `outbox_repository.put` stored."""

    def __init__(self, database: Database, broker: Broker) -> None:
        self._database = database
        self._broker = broker
        self._sending: set[asyncio.Task[None]] = set()
        self._published: list[Event] = []

    def announce(self, events: Sequence[Event]) -> None:
        """Publish events whose transaction was committed, in the background."""
        if events and len(self._sending) < SENDING:
            task = asyncio.create_task(self._send(events))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, events: Sequence[Event]) -> None:
        try:
            await self._broker.publish(events)
        except BrokerUnavailable as error:
            log.warning("Events stay in the outbox for now: %s", error)
            return
        self._published += events

    async def tidy(self) -> None:
        """Delete what was published. What cannot be deleted is published again, which harms nobody."""
        events, self._published = self._published, []
        if not events:
            return
        try:
            async with self._database.transaction(EVERY_WORKSPACE, durable=False) as connection:
                await outbox_repository.remove(connection, events)
        except DatabaseUnavailable as error:
            log.warning("Published events stay in the outbox: %s", error)

    async def relay(self) -> None:
        """Publish what others left, the oldest first."""
        try:
            while await self._relay_some() == RELAYED:
                pass
        except (BrokerUnavailable, DatabaseUnavailable) as error:
            log.warning("The outbox waits: %s", error)

    async def _relay_some(self) -> int:
        async with self._database.transaction(EVERY_WORKSPACE) as connection:
            until = datetime.now(UTC) - UNPUBLISHED
            events = await outbox_repository.take(connection, until, limit=RELAYED)
            if events:
                await self._broker.publish(events)
                await outbox_repository.remove(connection, events)
        return len(events)

    async def finish(self) -> None:
        """Wait for what is being published."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=GRACE)
        await self.tidy()


@asynccontextmanager
async def opened(database: Database, broker: Broker) -> AsyncIterator[Outbox]:
    """Give an outbox; what it is publishing at the end of the block is waited for."""
    outbox = Outbox(database, broker)
    try:
        async with repeating(outbox.tidy, interval=TIDY_EVERY):
            yield outbox
    finally:
        await outbox.finish()


@asynccontextmanager
async def relaying(outbox: Outbox) -> AsyncIterator[None]:
    """Relay until the end of the block."""
    async with repeating(outbox.relay, interval=RELAY_EVERY):
        yield
