"""What every broker promises; each test runs against the journal and against RabbitMQ."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing

import pytest

from services.broker import INTERACTIONS, Broker, connect, consumer
from services.messages.envelope import Event, decode

Make = Callable[..., Event]


async def taken(broker: Broker, count: int, *, ack: bool = True) -> list[Event]:
    """Consume until this many events came."""
    events: list[Event] = []
    async with asyncio.timeout(20), aclosing(broker.consume(INTERACTIONS)) as deliveries:
        async for delivery in deliveries:
            events += delivery.events
            if ack:
                await delivery.ack()
            if len(events) >= count:
                return events
    raise AssertionError("unreachable: consume never ends")


async def test_what_is_published_is_delivered_in_order_and_complete(
    broker: Broker, like: Make
) -> None:
    events = [like(f"i{n}") for n in range(5)]
    for event in events:
        await broker.publish([event])
    assert await taken(broker, 5) == events
    assert await broker.depth(INTERACTIONS) == 0


async def test_concurrent_publishers_lose_nothing_and_double_nothing(
    broker: Broker, like: Make
) -> None:
    events = [like(f"i{n}") for n in range(400)]
    await asyncio.gather(*(broker.publish([event]) for event in events[:200]))
    await broker.publish(events[200:])
    got = await taken(broker, 400)
    assert sorted(event.id for event in got) == sorted(event.id for event in events)


async def test_what_waits_comes_as_one_batch_and_never_more_than_the_queue_allows(
    broker: Broker, like: Make
) -> None:
    for _ in range(5):
        await broker.publish([like() for _ in range(400)])
    sizes: list[int] = []
    async with asyncio.timeout(20), aclosing(broker.consume(INTERACTIONS)) as deliveries:
        async for delivery in deliveries:
            sizes.append(len(delivery.events))
            await delivery.ack()
            await asyncio.sleep(0.1)  # a busy handler: meanwhile the rest arrives
            if sum(sizes) == 2_000:
                break
    assert max(sizes) == 800
    assert len(sizes) <= 4


async def test_an_idle_consumer_gets_an_event_without_delay(broker: Broker, like: Make) -> None:
    async with asyncio.timeout(20), aclosing(broker.consume(INTERACTIONS)) as deliveries:
        first = asyncio.ensure_future(anext(deliveries))
        await asyncio.sleep(1)
        loop = asyncio.get_running_loop()
        started = loop.time()
        await broker.publish([like()])
        await (await first).ack()
        assert loop.time() - started < 0.4  # below any polling interval


async def test_what_was_not_acknowledged_comes_again_and_says_so(url: str, like: Make) -> None:
    async with connect(url) as broker:
        kept, lost = like("kept"), like("lost")
        await broker.publish([kept])
        assert await taken(broker, 1) == [kept]
        await broker.publish([lost])
        assert await taken(broker, 1, ack=False) == [lost]
    async with (
        asyncio.timeout(20),
        connect(url) as broker,
        aclosing(broker.consume(INTERACTIONS)) as deliveries,
    ):
        delivery = await anext(deliveries)
        assert delivery.events == [lost]
        assert delivery.redelivered


async def test_acknowledging_a_delivery_acknowledges_those_before_it(url: str, like: Make) -> None:
    async with connect(url) as broker:
        await broker.publish([like("i1")])
        async with asyncio.timeout(20), aclosing(broker.consume(INTERACTIONS)) as deliveries:
            await anext(deliveries)
            await broker.publish([like("i2")])
            await (await anext(deliveries)).ack()
    async with connect(url) as broker:
        assert await broker.depth(INTERACTIONS) == 0


async def test_events_wait_for_a_consumer_that_comes_later(url: str, like: Make) -> None:
    events = [like() for _ in range(3)]
    async with connect(url) as broker:
        await broker.publish(events)
    async with connect(url) as broker:
        assert await broker.depth(INTERACTIONS) == 1
        assert await taken(broker, 3) == events


async def test_every_listener_gets_its_own_copy_of_the_types_it_asked_for(
    broker: Broker, like: Make, change: Make
) -> None:
    heard: list[list[Event]] = [[], []]

    async def listen(index: int) -> None:
        async with aclosing(broker.listen("item.changed", "model.published")) as events:
            async for event in events:
                heard[index].append(event)

    tasks = [asyncio.create_task(listen(index)) for index in range(2)]
    async with asyncio.timeout(20):
        while not all(heard):  # from now on: what was said before a listener listened is not for it
            await broker.publish([change(), like()])
            await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert {event.type for events in heard for event in events} == {"item.changed"}


async def test_an_announcement_that_nobody_listens_to_is_accepted(
    broker: Broker, change: Make
) -> None:
    await broker.publish([change()])


async def test_a_dead_letter_is_listed_with_its_reason_and_replayed_to_its_queue(
    broker: Broker, like: Make
) -> None:
    good, bad = like("good"), like("bad")
    await broker.publish([good, bad])
    async with asyncio.timeout(20), aclosing(broker.consume(INTERACTIONS)) as deliveries:
        delivery = await anext(deliveries)
        await delivery.dead([bad], "Nobody knows what to do with it.")
        await delivery.ack()
    for _ in range(2):  # listing takes nothing away
        (letter,) = await broker.dead_letters(10)
    assert (letter.queue, letter.reason) == (INTERACTIONS.name, "Nobody knows what to do with it.")
    assert decode(letter.body) == [bad]
    assert abs(letter.died_at.timestamp() - bad.time.timestamp()) < 60
    assert await broker.replay([letter.id, "no such letter"]) == 1
    assert await broker.dead_letters(10) == []
    assert await taken(broker, 1) == [bad]


async def test_dead_letters_are_listed_oldest_first_up_to_a_limit_and_discarded_by_id(
    broker: Broker, like: Make
) -> None:
    await broker.publish([like(f"i{n}") for n in range(3)])
    async with asyncio.timeout(20), aclosing(broker.consume(INTERACTIONS)) as deliveries:
        delivery = await anext(deliveries)
        for number, event in enumerate(delivery.events):
            await delivery.dead([event], f"reason {number}")
        await delivery.ack()
    assert [letter.reason for letter in await broker.dead_letters(2)] == ["reason 0", "reason 1"]
    letters = await broker.dead_letters(10)
    assert await broker.discard([letters[1].id]) == 1
    assert {letter.reason for letter in await broker.dead_letters(10)} == {"reason 0", "reason 2"}
    assert await broker.discard([letter.id for letter in letters]) == 2
    assert await broker.dead_letters(10) == []


async def test_a_worker_handles_good_events_and_puts_the_poisonous_one_aside(
    broker: Broker, like: Make
) -> None:
    events = [like(f"i{n}") for n in range(20)]
    stop = asyncio.Event()
    handled: list[Event] = []

    async def handler(batch: Sequence[Event]) -> None:
        if events[7] in batch:
            raise ValueError("too sweet")
        handled.extend(batch)
        if len(handled) == 19:
            stop.set()

    await broker.publish(events)
    handlers = dict.fromkeys(INTERACTIONS.types, handler)
    await asyncio.wait_for(consumer.run(broker, INTERACTIONS, handlers, stop=stop), 20)
    (letter,) = await broker.dead_letters(10)
    assert letter.reason == "ValueError: too sweet"
    assert decode(letter.body) == [events[7]]
    assert handled == events[:7] + events[8:]
    assert await broker.depth(INTERACTIONS) == 0


async def test_a_healthy_broker_passes_its_check(broker: Broker) -> None:
    await broker.check()


async def test_another_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="not http://"):
        async with connect("http://127.0.0.1/"):
            pass
