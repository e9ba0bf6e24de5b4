"""The loop of every worker: take a batch, give it to its handlers, acknowledge; nothing is lost by a failure.

What passes by itself (a database that is away, a timeout) is waited for, however long. What does not is
cut in halves until the event is found that no handler can take; that one goes to the dead letters.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from itertools import groupby

from services.broker import metrics
from services.broker.interface import Broker, BrokerUnavailable, Delivery, Retry
from services.broker.topology import Queue
from services.messages.envelope import Event

TRIES = 3  # of one event alone, before it is put aside
FIRST_PAUSE = timedelta(seconds=0.1)
LONGEST_PAUSE = timedelta(seconds=5)  # a database that is back is found again within this
TRANSIENT = (Retry, OSError)  # OSError: ConnectionError, TimeoutError and what the network raises

Handler = Callable[[Sequence[Event]], Awaitable[None]]

log = logging.getLogger(__name__)


class _Stopped(Exception):
    """The worker is to end; what is not acknowledged comes again."""


async def run(
    broker: Broker, queue: Queue, handlers: Mapping[str, Handler], *, stop: asyncio.Event
) -> None:
    """Consume the queue until `stop` is set; a batch that is being handled is finished first.

    A handler gets events of its type in their order, and must take the same event twice without harm.
    An event of a type that has no handler goes to the dead letters.

    Raises:
        ValueError: a type of the queue has no handler.
    """
    if missing := set(queue.types) - handlers.keys():
        raise ValueError(f"No handler for {', '.join(sorted(missing))}.")
    async with aclosing(broker.consume(queue)) as deliveries:
        while (delivery := await _before(stop, anext(deliveries))) is not None:
            try:
                await _Batch(delivery, queue, handlers, stop).settle()
            except _Stopped:
                return


async def _before(stop: asyncio.Event, coming: Awaitable[Delivery]) -> Delivery | None:
    """Return what comes, or None if `stop` is set before it."""
    stopped = asyncio.ensure_future(stop.wait())
    arrived = asyncio.ensure_future(coming)
    try:
        await asyncio.wait((stopped, arrived), return_when=asyncio.FIRST_COMPLETED)
        return None if stop.is_set() else arrived.result()
    finally:
        stopped.cancel()
        arrived.cancel()
        await asyncio.gather(stopped, arrived, return_exceptions=True)


class _Batch:
    def __init__(
        self, delivery: Delivery, queue: Queue, handlers: Mapping[str, Handler], stop: asyncio.Event
    ) -> None:
        self._delivery = delivery
        self._queue = queue
        self._handlers = handlers
        self._stop = stop

    async def settle(self) -> None:
        for name, group in groupby(self._delivery.events, key=lambda event: event.type):
            events = list(group)
            if handler := self._handlers.get(name):
                await self._handle(handler, events)
            else:
                await self._bury(events, f"No handler for {name}.")
        try:
            await self._delivery.ack()
        except BrokerUnavailable as error:
            log.warning("Not acknowledged, so it comes again: %s", error)
            return
        self._count()

    async def _handle(self, handler: Handler, events: Sequence[Event]) -> None:
        """Give the events to the handler; those that it cannot take go to the dead letters."""
        error = await self._failure(handler, events, tries=TRIES if len(events) == 1 else 1)
        if error is None:
            return
        if len(events) == 1:
            await self._bury(events, f"{type(error).__name__}: {error}")
            return
        middle = len(events) // 2
        await self._handle(handler, events[:middle])
        await self._handle(handler, events[middle:])

    async def _failure(
        self, handler: Handler, events: Sequence[Event], *, tries: int
    ) -> Exception | None:
        """Return why the handler cannot take the events, or None when it took them."""
        failure: Exception | None = None
        for number in range(tries):
            if number:
                await self._pause(FIRST_PAUSE)
            try:
                await self._patiently(lambda: handler(events))
            except _Stopped:
                raise
            except Exception as error:  # whatever it is, it must not stop the queue
                log.warning("A handler failed.", exc_info=error, extra={"events": len(events)})
                failure = error
            else:
                return None
        return failure

    async def _patiently(self, call: Callable[[], Awaitable[None]]) -> None:
        """Repeat the call while it fails for reasons that pass by themselves."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await call()
            except TRANSIENT as error:
                metrics.retries.labels(self._queue.name).inc()
                log.warning("Trying again in %s s: %r", pause.total_seconds(), error)
            await self._pause(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _bury(self, events: Sequence[Event], reason: str) -> None:
        await self._patiently(lambda: self._delivery.dead(events, reason))
        metrics.dead_letters.labels(self._queue.name).inc(len(events))
        log.error(
            "Put aside as a dead letter: %s",
            reason,
            extra={"queue": self._queue.name, "event_ids": [event.id for event in events[:10]]},
        )

    async def _pause(self, pause: timedelta) -> None:
        try:
            async with asyncio.timeout(pause.total_seconds()):
                await self._stop.wait()
        except TimeoutError:
            return
        raise _Stopped

    def _count(self) -> None:
        events = self._delivery.events
        metrics.consumed.labels(self._queue.name).inc(len(events))
        if events:
            oldest = min(event.time for event in events)
            metrics.lag.labels(self._queue.name).observe(
                (datetime.now(UTC) - oldest).total_seconds()
            )
