"""What every broker offers: publish durably, consume in batches, listen, and keep the dead letters."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.away import Away
from services.broker.topology import Queue
from services.messages.envelope import Event


class BrokerUnavailable(Away):
    """The broker did not confirm in time. What was to be published may still have been delivered."""


class Retry(Exception):
    """A handler raises this when it cannot work at the moment: wait and give it the same events again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Events that wait to be acknowledged; what is not acknowledged comes again, after a restart too.

    `await delivery.ack()` acknowledges this delivery and all before it. `await delivery.dead(events,
    reason)` puts some of its events aside durably; the delivery is still to be acknowledged after it.
    Both raise `BrokerUnavailable`; the events then come again.
    """

    events: Sequence[Event]
    redelivered: bool  # they may have been delivered before
    ack: Callable[[], Awaitable[None]]
    dead: Callable[[Sequence[Event], str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that no handler could take. `body` is a CloudEvents batch, unless that was the reason."""

    id: str
    queue: str
    reason: str
    died_at: datetime
    body: bytes


class Broker(Protocol):
    """One contract, two implementations: `RabbitMQ` and `Journal`; `connect(url)` chooses."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Return when all events are durable. Concurrent calls share messages and confirms.

        Raises:
            BrokerUnavailable: not confirmed within `CONFIRM_TIMEOUT`; some may arrive all the same, so
                repeat with the same event ids.
        """

    def consume(self, queue: Queue) -> AsyncGenerator[Delivery, None]:
        """Yield what waits in the queue, at once, up to `queue.batch` events at a time; never ends.

        It outlives the broker's restarts. Close it (`contextlib.aclosing`) to give back what is not
        acknowledged. Acknowledge in the order of delivery.
        """

    def listen(self, *types: str) -> AsyncGenerator[Event, None]:
        """Yield events of these types from now on: every listener its own copy, best effort."""

    async def check(self) -> None:
        """Return when the broker answers; raise `BrokerUnavailable` otherwise."""

    async def depth(self, queue: Queue) -> int:
        """Return how many messages (of 1..1,000 events) wait. RabbitMQ leaves out those being consumed."""

    async def dead_letters(self, limit: int) -> list[DeadLetter]:
        """Return up to `limit` dead letters, the oldest first."""

    async def replay(self, ids: Sequence[str]) -> int:
        """Give these dead letters back to the queues they come from; return how many there were."""

    async def discard(self, ids: Sequence[str]) -> int:
        """Delete these dead letters for good; return how many there were."""
