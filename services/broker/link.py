"""One AMQP connection that is made when it is needed and made again when it was lost.

There is no background task that restores anything: whoever needs a channel opens one, topology included,
and on any failure opens another. So nothing can stop working and stay silent about it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import CONNECTION_EXCEPTIONS
from pamqp.common import FieldTable

from services.broker.interface import BrokerUnavailable
from services.broker.topology import DEAD, EVENTS, QUEUES, Queue

CONNECT_TIMEOUT = timedelta(
    seconds=4
)  # below the confirm's 5 s, so that a publish can say why it failed
RECONNECT_PAUSE = timedelta(seconds=0.25)  # many requests fail on one attempt in this time
CLOSE_TIMEOUT = timedelta(seconds=3)  # a frozen broker does not answer a good-bye
HEARTBEAT = 10  # seconds; a peer that vanished without a word is given up after about three of them
# Every crash of a consumer counts one against all that it held: this many make a message suspect.
DELIVERY_LIMIT = 50
# Reading dead letters counts too, and must never drop one (4.x: no limit means 20, 3.10: no -1).
NO_DELIVERY_LIMIT = 2_000_000_000

log = logging.getLogger(__name__)


@contextmanager
def translated() -> Iterator[None]:
    """Raise `BrokerUnavailable` for whatever the client library raises when the broker is away."""
    try:
        yield
    except BrokerUnavailable:
        raise
    except TimeoutError as error:
        raise BrokerUnavailable("The broker did not answer in time.") from error
    except CONNECTION_EXCEPTIONS as error:
        raise BrokerUnavailable(f"The broker is away: {error!r}") from error
    except asyncio.CancelledError as error:
        # aiormq also cancels what waits for a connection that breaks; only a real cancellation counts.
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise BrokerUnavailable("The connection to the broker broke.") from error


class Link:
    """A connection for one purpose. Publishing has its own: an alarmed broker stops reading from it."""

    def __init__(self, url: str, *, purpose: str) -> None:
        self._url = url
        self._purpose = purpose
        self._prefix = "".join(parse_qs(urlsplit(url).query).get("prefix", []))
        self._connection: AbstractConnection | None = None
        self._lock = asyncio.Lock()
        self._failure: BrokerUnavailable | None = None
        self._failed_at = -RECONNECT_PAUSE.total_seconds()

    def named(self, name: str) -> str:
        """Return an exchange's or a queue's name on this broker: the URL's `?prefix=` before it."""
        return self._prefix + name

    async def open_channel(self) -> AbstractChannel:
        """Return a new channel with confirms, the topology declared.

        Raises:
            BrokerUnavailable: not connected within `CONNECT_TIMEOUT`, refused, or blocked by an alarm.
        """
        with translated():
            async with asyncio.timeout(CONNECT_TIMEOUT.total_seconds()):
                connection = await self._connected()
                channel = await connection.channel(on_return_raises=True)
                await self._declare(channel)
                return channel

    @asynccontextmanager
    async def channel(self) -> AsyncIterator[AbstractChannel]:
        """Open a channel as `open_channel` does and close it at the end: what it held is given back."""
        channel = await self.open_channel()
        try:
            yield channel
        finally:
            await close_quietly(channel)

    async def unblocked(self) -> None:
        """Wait while the broker, for want of memory or disk, reads nothing from this connection."""
        if self._connection is not None and self._connection.transport is not None:
            await self._connection.transport.ready()

    async def close(self) -> None:
        """Close the connection; within `CLOSE_TIMEOUT` even when the broker is frozen."""
        if self._connection is not None:
            await close_quietly(self._connection)

    async def _connected(self) -> AbstractConnection:
        async with self._lock:
            if self._connection is None or not self._connection.connected.is_set():
                await self.close()
                self._connection = None
                self._connection = await self._connect()
            return self._connection

    async def _connect(self) -> AbstractConnection:
        since = time.monotonic() - self._failed_at
        if self._failure is not None and since < RECONNECT_PAUSE.total_seconds():
            raise BrokerUnavailable(*self._failure.args)
        try:
            with translated():
                name = f"akin {self._purpose}"
                connection = await aio_pika.connect(self._url, heartbeat=HEARTBEAT, name=name)
        except BrokerUnavailable as error:
            self._failure, self._failed_at = error, time.monotonic()
            raise
        log.info("Connected to the broker.", extra={"purpose": self._purpose})
        return connection

    async def _declare(self, channel: AbstractChannel) -> None:
        events, dead = self.named(EVENTS), self.named(DEAD)
        await channel.declare_exchange(events, aio_pika.ExchangeType.TOPIC, durable=True)
        await channel.declare_exchange(dead, aio_pika.ExchangeType.FANOUT, durable=True)
        letters = await channel.declare_queue(
            dead,
            durable=True,
            arguments={"x-queue-type": "quorum", "x-delivery-limit": NO_DELIVERY_LIMIT},
        )
        await letters.bind(dead)
        for queue in QUEUES.values():
            declared = await channel.declare_queue(
                self.named(queue.name), durable=True, arguments=_arguments(queue, dead)
            )
            for name in queue.types:
                await declared.bind(events, routing_key=name)


async def close_quietly(resource: AbstractChannel | AbstractConnection) -> None:
    """Close it if the broker answers; what cannot be closed is gone or will be, by its heartbeat."""
    with suppress(BrokerUnavailable), translated():
        async with asyncio.timeout(CLOSE_TIMEOUT.total_seconds()):
            # The reason is what everyone gets who still waits for a confirm; without one, a bare Exception.
            await resource.close(BrokerUnavailable("The connection was closed."))


def _arguments(queue: Queue, dead: str) -> FieldTable:
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-dead-letter-exchange": dead,
        "x-dead-letter-routing-key": queue.name,
        # A letter leaves the queue only when akin.dead has confirmed it; this needs reject-publish.
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
