"""Which events the worker takes, and what it does with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.anomaly_similarity.service import Records
from services.broker.consumer import Handler
from services.messages.envelope import Event
from services.messages.types import PlatformCleaned


def handlers(records: Records) -> Mapping[str, Handler]:
    """Return what to do with each type of event."""

    async def clean(events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event.data, PlatformCleaned):
                await records.clean(event.workspace, event.data.cleaned_at)

    return {"platform.cleaned": clean}
