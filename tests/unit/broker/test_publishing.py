from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from services.broker import publishing
from services.broker.interface import BrokerUnavailable
from services.broker.publishing import Publisher
from services.messages.envelope import Event, decode

Make = Callable[..., Event]


class Wire:
    """A send that keeps its messages, and may hang or fail."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, list[Event], int]] = []
        self.hangs = False
        self.error: Exception | None = None

    async def send(self, topic: str, body: bytes, events: int) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        self.messages.append((topic, decode(body), events))


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def publisher(wire: Wire) -> Publisher:
    return Publisher(wire.send, in_flight=1)


async def test_concurrent_publishes_become_one_message_with_every_event_once(
    wire: Wire, publisher: Publisher, like: Make
) -> None:
    events = [like(f"i{n}") for n in range(32)]
    await asyncio.gather(*(publisher.publish([event]) for event in events))
    assert [(topic, count) for topic, _, count in wire.messages] == [("interaction.recorded", 32)]
    assert wire.messages[0][1] == events


async def test_events_of_different_types_go_as_messages_of_one_type_each(
    wire: Wire, publisher: Publisher, like: Make, change: Make
) -> None:
    first, second, third = like(), change(), like()
    await publisher.publish([first, second, third])
    assert sorted((topic, count) for topic, _, count in wire.messages) == [
        ("interaction.recorded", 2),
        ("item.changed", 1),
    ]


async def test_no_message_holds_more_than_a_thousand_events(
    wire: Wire, publisher: Publisher, like: Make
) -> None:
    await publisher.publish([like() for _ in range(2_500)])
    assert [count for _, _, count in wire.messages] == [1_000, 1_000, 500]


async def test_publishing_nothing_sends_nothing(wire: Wire, publisher: Publisher) -> None:
    await publisher.publish([])
    assert wire.messages == []


async def test_a_broker_that_does_not_confirm_is_given_up_in_time(
    wire: Wire, publisher: Publisher, like: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "CONFIRM_TIMEOUT", timedelta(seconds=0.05))
    wire.hangs = True
    results = await asyncio.wait_for(
        asyncio.gather(*(publisher.publish([like()]) for _ in range(5)), return_exceptions=True), 1
    )
    assert all(isinstance(result, BrokerUnavailable) for result in results)


async def test_more_than_may_wait_is_refused_as_unavailable(
    wire: Wire, publisher: Publisher, like: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "MAX_WAITING", 2)
    monkeypatch.setattr(publishing, "CONFIRM_TIMEOUT", timedelta(seconds=0.05))
    wire.hangs = True
    results = await asyncio.gather(
        *(publisher.publish([like()]) for _ in range(5)), return_exceptions=True
    )
    assert any("Too many events" in str(result) for result in results)


async def test_an_event_that_cannot_be_encoded_fails_its_own_caller_only(
    wire: Wire, publisher: Publisher, like: Make
) -> None:
    results = await asyncio.gather(
        publisher.publish([like("good")]),
        publisher.publish([like("\ud800")]),
        return_exceptions=True,
    )
    assert results[0] is None
    assert isinstance(results[1], ValueError)
    assert [count for _, _, count in wire.messages] == [1]
