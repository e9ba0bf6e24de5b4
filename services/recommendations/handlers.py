"""Which events the worker takes, and what it does with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from services.broker.consumer import Handler
from services.messages.envelope import Event
from services.messages.types import InteractionRecorded, UserErased
from services.recommendations.erasing import Eraser
from services.recommendations.outcomes import Outcomes
from services.recommendations.recording import Reaction, Recorder


def handlers(recorder: Recorder, eraser: Eraser, outcomes: Outcomes) -> Mapping[str, Handler]:
    """Return what to do with each type of event."""

    async def record(events: Sequence[Event]) -> None:
        by_workspace: dict[str, list[Reaction]] = defaultdict(list)
        for event in events:
            if isinstance(event.data, InteractionRecorded):
                told = Reaction(event.id, event.time, event.data)
                by_workspace[event.workspace].append(told)
        for workspace, reactions in by_workspace.items():
            await recorder.record(workspace, reactions)
            await outcomes.count(workspace, reactions)

    async def erase(events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event.data, UserErased):
                await eraser.finish(event.workspace, event.data)

    return {"interaction.recorded": record, "user.erased": erase}
