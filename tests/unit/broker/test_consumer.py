from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import timedelta

import pytest

from services.broker import consumer, metrics
from services.broker.interface import BrokerUnavailable, Delivery, Retry
from services.broker.topology import INTERACTIONS, Queue
from services.messages.envelope import Event

Make = Callable[..., Event]
LIKE = "interaction.recorded"


class Shelf:
    """A broker with these batches on it; `stop` is set when the last one is acknowledged."""

    def __init__(self, *batches: list[Event]) -> None:
        self.batches = list(batches)
        self.acked: list[list[Event]] = []
        self.dead: list[tuple[list[Event], str]] = []
        self.stop = asyncio.Event()
        self.ack_fails = False

    async def consume(self, _: Queue) -> AsyncGenerator[Delivery, None]:
        for batch in self.batches:
            yield Delivery(
                events=batch, redelivered=False, ack=lambda b=batch: self.ack(b), dead=self.bury
            )
        await asyncio.Event().wait()

    async def ack(self, batch: list[Event]) -> None:
        if self.ack_fails:
            self.ack_fails = False
            raise BrokerUnavailable("gone")
        self.acked.append(batch)
        if batch is self.batches[-1]:
            self.stop.set()

    async def bury(self, events: Sequence[Event], reason: str) -> None:
        self.dead.append((list(events), reason))

    async def run(self, handler: consumer.Handler) -> None:
        running = consumer.run(
            self, INTERACTIONS, dict.fromkeys(INTERACTIONS.types, handler), stop=self.stop
        )  # type: ignore[arg-type]
        await asyncio.wait_for(running, 5)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "FIRST_PAUSE", timedelta(milliseconds=1))
    monkeypatch.setattr(consumer, "LONGEST_PAUSE", timedelta(milliseconds=2))


async def test_a_batch_is_acknowledged_after_its_handler_returned(like: Make) -> None:
    shelf = Shelf([like(), like()], [like()])
    taken: list[int] = []

    async def handler(events: Sequence[Event]) -> None:
        assert len(shelf.acked) == len(taken)
        taken.append(len(events))

    await shelf.run(handler)
    assert taken == [2, 1]
    assert shelf.acked == shelf.batches


async def test_one_poisonous_event_is_found_and_put_aside_after_three_tries(like: Make) -> None:
    events = [like(f"i{n}") for n in range(100)]
    poison = events[37]
    shelf = Shelf(events)
    taken: list[Event] = []
    tries = 0

    async def handler(batch: Sequence[Event]) -> None:
        nonlocal tries
        tries += batch == [poison]
        if poison in batch:
            raise KeyError("unknown thing")
        taken.extend(batch)

    await shelf.run(handler)
    assert shelf.dead == [([poison], "KeyError: 'unknown thing'")]
    assert tries == 3
    assert taken == [event for event in events if event is not poison]
    assert shelf.acked == [events]


@pytest.mark.parametrize("error", [Retry("busy"), ConnectionError("away"), TimeoutError()])
async def test_what_passes_by_itself_is_waited_for_and_nothing_is_put_aside(
    like: Make, error: Exception
) -> None:
    shelf = Shelf([like(), like()])
    calls = 0

    async def handler(events: Sequence[Event]) -> None:
        nonlocal calls
        calls += 1
        assert len(events) == 2
        if calls < 20:
            raise error

    await shelf.run(handler)
    assert calls == 20
    assert shelf.dead == []
    assert len(shelf.acked) == 1


async def test_an_event_of_a_type_without_a_handler_is_put_aside(like: Make, change: Make) -> None:
    stranger = change()
    shelf = Shelf([like(), stranger, like()])
    sizes: list[int] = []

    async def handler(events: Sequence[Event]) -> None:
        sizes.append(len(events))

    await shelf.run(handler)
    assert shelf.dead == [([stranger], "No handler for item.changed.")]
    assert sizes == [1, 1]


async def test_a_queue_whose_type_has_no_handler_is_refused() -> None:
    with pytest.raises(ValueError, match=r"No handler for interaction\.recorded"):
        await consumer.run(Shelf([]), INTERACTIONS, {}, stop=asyncio.Event())  # type: ignore[arg-type]


async def test_an_acknowledgement_that_fails_does_not_end_the_worker(like: Make) -> None:
    shelf = Shelf([like()], [like()])
    shelf.ack_fails = True
    sizes: list[int] = []

    async def handler(events: Sequence[Event]) -> None:
        sizes.append(len(events))

    await shelf.run(handler)
    assert sizes == [1, 1]
    assert shelf.acked == shelf.batches[1:]


async def test_stopping_ends_an_idle_worker_and_one_that_waits_for_a_database(like: Make) -> None:
    async def away(_: Sequence[Event]) -> None:
        shelf.stop.set()
        raise ConnectionError("away")

    shelf = Shelf([like()])
    await shelf.run(away)
    assert shelf.acked == []
    idle = Shelf()
    asyncio.get_running_loop().call_later(0.05, idle.stop.set)
    await idle.run(away)


async def test_stopping_finishes_the_batch_that_is_being_handled(like: Make) -> None:
    shelf = Shelf([like()], [like()])

    async def handler(_: Sequence[Event]) -> None:
        shelf.stop.set()
        await asyncio.sleep(0.01)

    await shelf.run(handler)
    assert shelf.acked == shelf.batches[:1]


async def test_what_is_consumed_is_counted(like: Make) -> None:
    def value() -> float:
        return metrics.consumed.labels(INTERACTIONS.name)._value.get()

    before = value()
    shelf = Shelf([like(), like(), like()])

    async def handler(_: Sequence[Event]) -> None:
        return

    await shelf.run(handler)
    assert value() == before + 3
