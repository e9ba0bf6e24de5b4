"""Which events the worker takes, and what it does with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.anomaly_similarity.answering import Answerer
from services.anomaly_similarity.service import Records
from services.broker.consumer import Handler
from services.messages.envelope import Event
from services.messages.types import PlatformCleaned, SimilarityRequested


def handlers(records: Records, answerer: Answerer) -> Mapping[str, Handler]:
    """Return what to do with each type of event."""

    async def clean(events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event.data, PlatformCleaned):
                await records.clean(event.workspace, event.data.cleaned_at)

    async def answer(events: Sequence[Event]) -> None:
        await answerer.answer(
            [
                (event.workspace, event.data.task_result_id)
                for event in events
                if isinstance(event.data, SimilarityRequested)
            ]
        )

    return {"platform.cleaned": clean, "similarity.requested": answer}
