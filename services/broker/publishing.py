"""The half of publishing that both brokers share: encode, group by type, coalesce, give up in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from services.broker import metrics
from services.broker.interface import BrokerUnavailable
from services.coalescing import Coalescer, Overloaded
from services.messages.envelope import MAX_BATCH, Event, encode

CONFIRM_TIMEOUT = timedelta(seconds=5)  # a quorum write under load takes up to 1.2 s
MAX_WAITING = 50_000  # events per type, about 15 MB: ten times what a confirm takes meanwhile


@dataclass(frozen=True, slots=True)
class _Part:
    """The events of one caller and one type, encoded: a bad event fails its own caller only."""

    body: bytes  # a JSON array
    events: int


Send = Callable[
    [str, bytes, int], Awaitable[None]
]  # type, CloudEvents batch, number of events in it


class Publisher:
    """Turn concurrent calls of `publish` into few calls of `send`, one type per message.

    A message has one routing key, so each type has a coalescer of its own. `send` returns when the
    message is durable and raises `BrokerUnavailable`.
    """

    def __init__(self, send: Send, *, in_flight: int) -> None:
        self._send = send
        self._in_flight = in_flight
        self._coalescers: dict[str, Coalescer[_Part, None]] = {}

    async def publish(self, events: Sequence[Event]) -> None:
        """Return when all of the events are durable.

        Raises:
            BrokerUnavailable: not all were confirmed in time; some may be durable all the same.
        """
        submissions = [self._coalescer(topic).submit(part) for topic, part in _parts(events)]
        try:
            async with asyncio.timeout(CONFIRM_TIMEOUT.total_seconds()):
                if len(submissions) == 1:
                    await submissions[0]
                else:
                    await asyncio.gather(*submissions)
        except TimeoutError as error:
            raise BrokerUnavailable("The broker did not confirm in time.") from error
        except Overloaded as error:
            raise BrokerUnavailable(f"Too many events wait for the broker: {error}") from error

    async def close(self) -> None:
        """Send what waits, then return."""
        await asyncio.gather(*(coalescer.close() for coalescer in self._coalescers.values()))

    def _coalescer(self, topic: str) -> Coalescer[_Part, None]:
        if topic not in self._coalescers:
            self._coalescers[topic] = Coalescer(
                partial(self._flush, topic),
                max_batch=MAX_BATCH,
                max_waiting=MAX_WAITING,
                in_flight=self._in_flight,
                size=lambda part: part.events,
            )
        return self._coalescers[topic]

    async def _flush(self, topic: str, parts: list[_Part]) -> list[None]:
        total = sum(part.events for part in parts)
        try:
            with metrics.publish_seconds.time():
                await self._send(topic, _joined(parts), total)
        except BrokerUnavailable:
            metrics.publish_failures.labels(topic).inc()
            raise
        metrics.published.labels(topic).inc(total)
        return [None] * len(parts)


def _parts(events: Sequence[Event]) -> list[tuple[str, _Part]]:
    by_type: dict[str, list[Event]] = {}
    for event in events:
        by_type.setdefault(event.type, []).append(event)
    return [
        (topic, _Part(encode(chunk := group[start : start + MAX_BATCH]), len(chunk)))
        for topic, group in by_type.items()
        for start in range(0, len(group), MAX_BATCH)
    ]


def _joined(parts: Sequence[_Part]) -> bytes:
    # JSON arrays become one array without being parsed: drop the brackets of each, join, put them back.
    return b"[" + b",".join([part.body[1:-1] for part in parts]) + b"]"
