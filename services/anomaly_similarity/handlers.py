"""Which events the worker takes, and what it does with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from services.anomaly_similarity.answering import Answerer
from services.anomaly_similarity.detecting import Detections
from services.anomaly_similarity.feedback import Feedback, Given
from services.anomaly_similarity.service import Records
from services.broker.consumer import Handler
from services.messages.envelope import Event
from services.messages.types import (
    AnomalyDetected,
    PlatformCleaned,
    SimilarityRequested,
    VerdictRecorded,
)


def handlers(
    records: Records, detections: Detections, feedback: Feedback, answerer: Answerer
) -> Mapping[str, Handler]:
    """Return what to do with each type of event."""

    async def clean(events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event.data, PlatformCleaned):
                await records.clean(event.workspace, event.data.cleaned_at)

    async def record(events: Sequence[Event]) -> None:
        for workspace, group in _by_workspace(events):
            told = [(e.time, e.data) for e in group if isinstance(e.data, AnomalyDetected)]
            await detections.record(workspace, told)

    async def judge(events: Sequence[Event]) -> None:
        for workspace, group in _by_workspace(events):
            given = [
                Given(e.id, e.time, e.data) for e in group if isinstance(e.data, VerdictRecorded)
            ]
            await feedback.record(workspace, given)

    async def answer(events: Sequence[Event]) -> None:
        await answerer.answer(
            [
                (event.workspace, event.data.task_result_id)
                for event in events
                if isinstance(event.data, SimilarityRequested)
            ]
        )

    return {
        "anomaly.detected": record,
        "platform.cleaned": clean,
        "similarity.requested": answer,
        "verdict.recorded": judge,
    }


def _by_workspace(events: Sequence[Event]) -> Iterable[tuple[str, list[Event]]]:
    found: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        found[event.workspace].append(event)
    return found.items()
