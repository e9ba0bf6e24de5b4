"""The broker of the full profile: RabbitMQ 3.10 to 4.x, quorum queues, confirms.

Publishing and consuming have a connection each: RabbitMQ blocks the whole connection of a publisher when
it is short of memory, and consumers must go on acknowledging then, or it stays short.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from uuid import uuid4

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from aio_pika.exceptions import DeliveryError

from services.broker import metrics
from services.broker.amqp_dead_letters import AmqpDeadLetters, letter
from services.broker.inbox import Inbox
from services.broker.interface import BrokerUnavailable, DeadLetter, Delivery
from services.broker.link import CONNECT_TIMEOUT, Link, close_quietly, translated
from services.broker.publishing import CONFIRM_TIMEOUT, Publisher
from services.broker.topology import DEAD, DURABLE_TYPES, EVENTS, Queue
from services.messages.envelope import CONTENT_TYPE, Event, InvalidBatch, decode, encode

IN_FLIGHT = 2  # messages per type awaiting their confirm
PREFETCH = 100  # messages of up to about 300 kB that a consumer holds: at most 30 MB
ANSWER_TIMEOUT = 4  # seconds for one question to the broker
LISTENER_BACKLOG = 1_000  # messages that a slow listener may be behind
FIRST_PAUSE = timedelta(seconds=0.1)
LONGEST_PAUSE = timedelta(seconds=2)  # a broker that is back is found again within this

log = logging.getLogger(__name__)


class RabbitMQ:
    """A `Broker` on RabbitMQ. Nothing connects before the first use, and every use reconnects."""

    def __init__(self, url: str) -> None:
        self._publishing = Link(url, purpose="publish")
        self._consuming = Link(url, purpose="consume")
        self._publisher = Publisher(self._send_event, in_flight=IN_FLIGHT)
        self._channel: AbstractChannel | None = None
        self._opening = asyncio.Lock()
        self._dead = AmqpDeadLetters(self._consuming)

    async def close(self) -> None:
        """Send what waits and say good-bye."""
        await self._publisher.close()
        await self._publishing.close()
        await self._consuming.close()

    async def publish(self, events: Sequence[Event]) -> None:
        """See `Broker.publish`."""
        await self._publisher.publish(events)

    async def check(self) -> None:
        """See `Broker.check`. Opening a channel asks the broker, and declares what may be missing."""
        async with self._publishing.channel():
            pass

    async def depth(self, queue: Queue) -> int:
        """See `Broker.depth`."""
        name = self._consuming.named(queue.name)
        async with self._consuming.channel() as channel:
            with translated():
                declared = await channel.declare_queue(name, passive=True, timeout=ANSWER_TIMEOUT)
            return declared.declaration_result.message_count or 0

    async def dead_letters(self, limit: int) -> list[DeadLetter]:
        """See `Broker.dead_letters`. While one process reads them, another sees only the rest."""
        return await self._dead.list(limit)

    async def replay(self, ids: Sequence[str]) -> int:
        """See `Broker.replay`."""
        return await self._dead.replay(ids)

    async def discard(self, ids: Sequence[str]) -> int:
        """See `Broker.discard`."""
        return await self._dead.discard(ids)

    async def consume(self, queue: Queue) -> AsyncGenerator[Delivery, None]:
        """See `Broker.consume`."""
        pause = FIRST_PAUSE
        while True:
            try:
                async with self._subscribed(queue) as inbox:
                    pause = FIRST_PAUSE
                    while True:
                        await inbox.wait()
                        if delivery := await self._gather(inbox, queue):
                            yield delivery
            except BrokerUnavailable as error:
                log.warning("Consuming pauses: %s", error, extra={"queue": queue.name})
            await asyncio.sleep(pause.total_seconds())
            pause = min(2 * pause, LONGEST_PAUSE)

    async def listen(self, *types: str) -> AsyncGenerator[Event, None]:
        """See `Broker.listen`."""
        while True:
            try:
                async with self._listening(types) as inbox:
                    while True:
                        await inbox.wait()
                        for event in _readable(inbox.messages.popleft()):
                            yield event
            except BrokerUnavailable as error:
                log.warning("Listening pauses: %s", error, extra={"types": types})
            await asyncio.sleep(LONGEST_PAUSE.total_seconds())

    @asynccontextmanager
    async def _subscribed(self, queue: Queue) -> AsyncIterator[Inbox]:
        inbox = Inbox()
        async with self._consuming.channel() as channel:
            with translated():
                async with asyncio.timeout(CONNECT_TIMEOUT.total_seconds()):
                    inbox.watch(await channel.get_underlay_channel())
                    await channel.set_qos(prefetch_count=PREFETCH)
                    name = self._consuming.named(queue.name)
                    source = await channel.get_queue(name, ensure=False)
                    await source.consume(inbox.put)
            yield inbox

    @asynccontextmanager
    async def _listening(self, types: Sequence[str]) -> AsyncIterator[Inbox]:
        inbox = Inbox(most=LISTENER_BACKLOG)
        async with self._consuming.channel() as channel:
            with translated():
                async with asyncio.timeout(CONNECT_TIMEOUT.total_seconds()):
                    inbox.watch(await channel.get_underlay_channel())
                    own = await channel.declare_queue(
                        exclusive=True, auto_delete=True, arguments={"x-queue-type": "classic"}
                    )
                    for name in types:
                        await own.bind(self._consuming.named(EVENTS), routing_key=name)
                    await own.consume(inbox.put, no_ack=True)
            yield inbox

    async def _gather(self, inbox: Inbox, queue: Queue) -> Delivery | None:
        events: list[Event] = []
        last: AbstractIncomingMessage | None = None
        redelivered = False
        while inbox.messages:
            message = inbox.messages[0]
            try:
                decoded = inbox.opened or decode(message.body)
            except InvalidBatch as error:
                await self._refuse(inbox, queue, message, str(error))
                inbox.messages.popleft()
                continue
            if events and len(events) + len(decoded) > queue.batch:
                inbox.opened = decoded
                break
            inbox.messages.popleft()
            inbox.opened = None
            events.extend(decoded)
            last, redelivered = message, redelivered or bool(message.redelivered)
        if last is None:
            return None
        return Delivery(
            events=events,
            redelivered=redelivered,
            ack=partial(_acknowledge, last, multiple=True),
            dead=partial(self._bury_events, queue),
        )

    async def _refuse(
        self, inbox: Inbox, queue: Queue, message: AbstractIncomingMessage, reason: str
    ) -> None:
        """Put an unreadable message aside, however long it takes.

        Giving it back instead would count as a crash against all that the consumer holds.
        """
        while True:
            try:
                await self._bury(queue, message.body, reason)
            except BrokerUnavailable as error:
                inbox.check()
                log.warning("An unreadable message cannot be put aside: %s", error)
                await asyncio.sleep(LONGEST_PAUSE.total_seconds())
            else:
                metrics.dead_letters.labels(queue.name).inc()
                log.error("Put aside as a dead letter: %s", reason, extra={"queue": queue.name})
                return await _acknowledge(message)

    async def _bury_events(self, queue: Queue, events: Sequence[Event], reason: str) -> None:
        await self._bury(queue, encode(events), reason)

    async def _bury(self, queue: Queue, body: bytes, reason: str) -> None:
        await self._send(letter(body, reason), exchange=DEAD, routing_key=queue.name)

    async def _send_event(self, topic: str, body: bytes, _: int) -> None:
        message = Message(
            body,
            content_type=CONTENT_TYPE,
            delivery_mode=DeliveryMode.PERSISTENT,
            message_id=uuid4().hex,
        )
        await self._send(message, exchange=EVENTS, routing_key=topic)

    async def _send(self, message: Message, *, exchange: str, routing_key: str) -> None:
        must_arrive = exchange == DEAD or routing_key in DURABLE_TYPES
        with translated():
            async with asyncio.timeout(CONFIRM_TIMEOUT.total_seconds()):
                channel = await self._publishing_channel()
                await self._publishing.unblocked()
                name = self._publishing.named(exchange)
                target = await channel.get_exchange(name, ensure=False)
                try:
                    await target.publish(message, routing_key, mandatory=must_arrive)
                except DeliveryError:  # returned or refused: declare the queues anew the next time
                    await close_quietly(channel)
                    raise

    async def _publishing_channel(self) -> AbstractChannel:
        async with self._opening:
            if self._channel is None or self._channel.is_closed:
                self._channel = await self._publishing.open_channel()
            return self._channel


async def _acknowledge(message: AbstractIncomingMessage, *, multiple: bool = False) -> None:
    with translated():
        async with asyncio.timeout(CONFIRM_TIMEOUT.total_seconds()):
            await message.ack(multiple=multiple)


def _readable(message: AbstractIncomingMessage) -> list[Event]:
    try:
        return decode(message.body)
    except InvalidBatch as error:
        log.warning("A message was not understood: %s", error)
        return []
