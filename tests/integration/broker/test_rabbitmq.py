"""What only RabbitMQ can do to us. A wire between it and the broker is frozen, cut and mended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from urllib.parse import urlsplit

import aio_pika
import pytest

from services.broker import INTERACTIONS, Broker, BrokerUnavailable, connect, consumer
from services.broker.topology import EVENTS
from services.messages.envelope import Event

Make = Callable[..., Event]
LIKE = "interaction.recorded"


class Wire:
    """A TCP connection to RabbitMQ that can be frozen (nothing passes) and cut (nobody connects)."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self._parts = parts
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._own_port = 0

    @property
    def url(self) -> str:
        login = f"{self._parts.username}:{self._parts.password}"
        return self._parts._replace(netloc=f"{login}@127.0.0.1:{self._own_port}").geturl()

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", self._own_port)
        self._own_port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def freeze(self) -> None:
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._host, self._port)
        self._writers |= {writer, back}
        for source, target in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pump(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                await self._flowing.wait()
                target.write(data)
                await target.drain()
        target.close()


@pytest.fixture
async def wire(rabbitmq_url: str) -> AsyncIterator[Wire]:
    wire = Wire(rabbitmq_url)
    await wire.mend()
    yield wire
    wire.thaw()
    await wire.cut()


@asynccontextmanager
async def worker(broker: Broker) -> AsyncIterator[list[Event]]:
    """Run a consumer and give the list into which it puts what it handled."""
    handled: list[Event] = []
    stop = asyncio.Event()

    async def handler(events: Sequence[Event]) -> None:
        handled.extend(events)

    handlers = dict.fromkeys(INTERACTIONS.types, handler)
    running = asyncio.create_task(consumer.run(broker, INTERACTIONS, handlers, stop=stop))
    try:
        yield handled
    finally:
        stop.set()
        await asyncio.wait_for(running, 10)


async def until(condition: Callable[[], bool], *, seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_frozen_broker_is_unavailable_within_seconds_and_works_again_when_it_thaws(
    wire: Wire, like: Make
) -> None:
    async with connect(wire.url) as broker, worker(broker) as handled:
        await broker.publish([like("before")])
        await until(lambda: len(handled) == 1)
        wire.freeze()
        results = await asyncio.wait_for(
            asyncio.gather(*(broker.publish([like()]) for _ in range(10)), return_exceptions=True),
            7,
        )
        assert all(isinstance(result, BrokerUnavailable) for result in results)
        wire.thaw()
        last = like("after")
        await broker.publish([last])
        await until(lambda: last in handled)


async def test_a_dead_broker_is_unavailable_at_once_and_works_again_when_it_returns(
    wire: Wire, like: Make
) -> None:
    async with connect(wire.url) as broker, worker(broker) as handled:
        await broker.publish([like("before")])
        await until(lambda: len(handled) == 1)
        await wire.cut()
        for _ in range(3):
            with pytest.raises(BrokerUnavailable):
                await asyncio.wait_for(broker.publish([like()]), 1)
        with pytest.raises(BrokerUnavailable):
            await asyncio.wait_for(broker.check(), 1)
        await wire.mend()
        last = like("after")
        async with asyncio.timeout(5):
            while True:
                with suppress(BrokerUnavailable):
                    await broker.publish([last])
                    break
                await asyncio.sleep(0.05)
        await until(lambda: last in handled)


async def test_a_platform_may_start_before_its_broker(wire: Wire, like: Make) -> None:
    await wire.cut()
    async with connect(wire.url) as broker, worker(broker) as handled:
        with pytest.raises(BrokerUnavailable):
            await broker.publish([like()])
        await wire.mend()
        await asyncio.sleep(0.3)
        last = like()
        await broker.publish([last])
        await until(lambda: last in handled)


async def test_nothing_confirmed_is_lost_while_connections_break_again_and_again(
    wire: Wire, like: Make
) -> None:
    confirmed: set[str] = set()
    stop = asyncio.Event()

    async def client(broker: Broker) -> None:
        while not stop.is_set():
            event = like()
            try:
                await broker.publish([event])
            except BrokerUnavailable:
                await asyncio.sleep(0.05)
            else:
                confirmed.add(event.id)

    async with connect(wire.url) as broker, worker(broker) as handled:
        clients = [asyncio.create_task(client(broker)) for _ in range(8)]
        for _ in range(4):
            await asyncio.sleep(0.3)
            await wire.cut()
            await wire.mend()
        await asyncio.sleep(0.5)
        stop.set()
        await asyncio.gather(*clients)
        assert len(confirmed) > 100
        await until(lambda: confirmed <= {event.id for event in handled})


async def test_a_consumer_that_the_broker_cancels_consumes_again(
    rabbitmq_url: str, like: Make
) -> None:
    prefix = rabbitmq_url.partition("?prefix=")[2]
    async with connect(rabbitmq_url) as broker, worker(broker) as handled:
        await broker.publish([like()])
        await until(lambda: len(handled) == 1)
        connection = await aio_pika.connect(rabbitmq_url)
        async with connection:
            await (await connection.channel()).queue_delete(prefix + INTERACTIONS.name)
        last = like()
        async with asyncio.timeout(10):
            while last not in handled:  # what was in the deleted queue is gone: say it again
                with suppress(BrokerUnavailable):
                    await broker.publish([last])
                await asyncio.sleep(0.1)


async def test_a_missing_queue_is_declared_again_and_fails_its_publishers_as_unavailable_only(
    rabbitmq_url: str, like: Make, change: Make
) -> None:
    prefix = rabbitmq_url.partition("?prefix=")[2]
    async with connect(rabbitmq_url) as broker:
        await broker.check()
        connection = await aio_pika.connect(rabbitmq_url)
        async with connection:
            await (await connection.channel()).queue_delete(prefix + INTERACTIONS.name)

        async def publish(number: int) -> None:
            await asyncio.sleep(number / 5_000)
            await broker.publish([like() if number % 2 else change()])

        results = await asyncio.gather(*map(publish, range(200)), return_exceptions=True)
        assert {type(result) for result in results} <= {type(None), BrokerUnavailable}
        await broker.publish([like()])
        assert await broker.depth(INTERACTIONS) > 0


async def test_what_cannot_be_read_goes_to_the_dead_letters_and_the_rest_goes_on(
    rabbitmq_url: str, like: Make
) -> None:
    prefix = rabbitmq_url.partition("?prefix=")[2]
    async with connect(rabbitmq_url) as broker:
        await broker.check()
        connection = await aio_pika.connect(rabbitmq_url)
        async with connection:
            channel = await connection.channel()
            exchange = await channel.get_exchange(prefix + EVENTS)
            await exchange.publish(aio_pika.Message(b"not json"), LIKE)
        good = like()
        async with worker(broker) as handled:
            await broker.publish([good])
            await until(lambda: good in handled)
        (letter,) = await broker.dead_letters(10)
        assert letter.body == b"not json"
        assert letter.reason.startswith("Not a CloudEvents batch")
        assert letter.queue == INTERACTIONS.name


async def test_a_message_that_kills_its_consumers_is_put_aside_by_the_broker_and_can_be_replayed(
    rabbitmq_url: str, like: Make
) -> None:
    prefix = rabbitmq_url.partition("?prefix=")[2]
    event = like()
    async with connect(rabbitmq_url) as broker:
        await broker.publish([event])
        connection = await aio_pika.connect(rabbitmq_url)
        async with connection:
            queue = await (await connection.channel()).get_queue(prefix + INTERACTIONS.name)
            while message := await queue.get(fail=False):
                await message.reject(requeue=True)  # counts as a crash does, on every version
        async with asyncio.timeout(15):
            while not (letters := await broker.dead_letters(10)):
                await asyncio.sleep(0.2)
        assert letters[0].reason == "The broker gave up: delivery_limit."
        assert letters[0].queue == INTERACTIONS.name
        assert await broker.replay([letters[0].id]) == 1
        async with asyncio.timeout(10), aclosing(broker.consume(INTERACTIONS)) as deliveries:
            delivery = await anext(deliveries)
            assert delivery.events == [event]
            await delivery.ack()
