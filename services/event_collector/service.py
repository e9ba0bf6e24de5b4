"""What the event collector does: turn what is told into events, and answer once they are durable."""

from __future__ import annotations

import os
import time
from collections import Counter as Tally
from collections.abc import Sequence
from datetime import UTC, datetime

from prometheus_client import Counter

from services.broker import Broker
from services.messages.envelope import Event
from services.messages.types import InteractionRecorded, Message, VerdictRecorded
from services.telemetry.logs import request_id

SOURCE = "/akin/event_collector"

_accepted = Counter("akin_events_accepted", "Events that were answered with 2xx.", ["kind"])


class EventCollector:
    """The write path of events."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def record(
        self, workspace: str, interactions: Sequence[InteractionRecorded], ids: Sequence[str]
    ) -> None:
        """Return once every interaction is durable at the broker, under the id beside it.

        Raises:
            BrokerUnavailable: not confirmed in time. The events may have arrived all the same;
                repeating them under the same ids counts nothing twice.
        """
        await self._publish(workspace, interactions, ids)
        for kind, count in Tally(interaction.kind for interaction in interactions).items():
            _accepted.labels(kind).inc(count)

    async def judge(self, workspace: str, verdict: VerdictRecorded, identifier: str) -> None:
        """Return once the verdict is durable at the broker, under this id.

        Raises:
            BrokerUnavailable: see `record`.
        """
        await self._publish(workspace, [verdict], [identifier])
        _accepted.labels("verdict").inc()

    async def _publish(
        self, workspace: str, messages: Sequence[Message], ids: Sequence[str]
    ) -> None:
        now = datetime.now(UTC)
        request = request_id.get()
        await self._broker.publish(
            [
                Event(
                    id=identifier,
                    source=SOURCE,
                    time=now,
                    workspace=workspace,
                    data=message,
                    request_id=request,
                )
                for identifier, message in zip(ids, messages, strict=True)
            ]
        )


def new_ids(count: int) -> list[str]:
    """Return ids that nobody else makes and that sort by time, which keeps the index's writes together."""
    moment = f"{time.time_ns():016x}"
    noise = os.urandom(8 * count).hex()
    return [moment + noise[16 * i : 16 * (i + 1)] for i in range(count)]
