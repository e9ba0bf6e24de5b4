"""Telling other programs that anomalies changed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4

from services.broker import Broker
from services.coalescing import Overloaded
from services.messages.envelope import Event
from services.messages.types import AnomalyChanged
from services.telemetry.logs import request_id

log = logging.getLogger(__name__)

SOURCE = "/akin/anomaly_similarity"
MAX_NAMED = 1_000  # ids in one `anomaly.changed`


async def announce(
    broker: Broker,
    workspace: str,
    anomaly_ids: Sequence[str],
    change: Literal["upserted", "deleted"],
) -> None:
    """Tell that these changed. The change is committed: that nobody can be told does not undo it."""
    parts = [anomaly_ids[i : i + MAX_NAMED] for i in range(0, len(anomaly_ids), MAX_NAMED)]
    if not parts:
        return
    try:
        await broker.publish([_event(workspace, part, change) for part in parts])
    except (ConnectionError, Overloaded) as error:
        log.warning("An event about anomalies is lost.", extra={"reason": str(error)})


def _event(
    workspace: str, anomaly_ids: Sequence[str], change: Literal["upserted", "deleted"]
) -> Event:
    return Event(
        id=uuid4().hex,
        source=SOURCE,
        time=datetime.now(UTC),
        workspace=workspace,
        data=AnomalyChanged(anomaly_ids=tuple(anomaly_ids), change=change),
        request_id=request_id.get(),
    )
