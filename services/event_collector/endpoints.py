"""The routes of the event collector."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, Request, Response

from services.event_collector.schemas import (
    Accepted,
    AcceptedEvents,
    Events,
    Interact,
    Verdict,
)
from services.event_collector.service import EventCollector, new_ids
from services.messages.types import InteractionRecorded, VerdictRecorded
from services.security.scopes import Scope
from services.web.gate import Caller, requires

router = APIRouter()


async def _collector(request: Request) -> EventCollector:
    collector: EventCollector = request.app.state.event_collector
    return collector


Collector = Annotated[EventCollector, Depends(_collector)]
Writer = Annotated[Caller, requires(Scope.EVENTS_WRITE)]


@router.post("/interact", response_model=Accepted)
async def interact(body: Interact, caller: Writer, collector: Collector) -> Response:
    """Record what one person liked and disliked. 200 means: durable, and never counted twice."""
    now = datetime.now(UTC)
    # What lies ahead is a wrong clock: it would stay the latest reaction, whatever came after it.
    occurred_at = min(body.timestamp or now, now)
    interactions = [
        InteractionRecorded(
            user_id=body.user_id, item_id=item_id, kind=action, occurred_at=occurred_at
        )
        for item_id, action in zip(body.item_ids, body.actions, strict=True)
    ]
    ids = body.event_ids or new_ids(len(interactions))
    await collector.record(caller.workspace, interactions, ids)
    return _json(b'{"accepted":%d}' % len(interactions))


@router.post("/events", response_model=AcceptedEvents)
async def events(body: Events, caller: Writer, collector: Collector) -> Response:
    """Record a batch of reactions, of any kind, by any number of people."""
    now = datetime.now(UTC)
    interactions = [
        InteractionRecorded(
            user_id=event.user_id,
            item_id=event.item_id,
            kind=event.kind,
            value=event.value,
            occurred_at=min(event.timestamp or now, now),
            recommendation_id=event.recommendation_id,
        )
        for event in body.events
    ]
    made = new_ids(len(interactions))
    ids = [event.event_id or new for event, new in zip(body.events, made, strict=True)]
    await collector.record(caller.workspace, interactions, ids)
    return _json(orjson.dumps({"accepted": len(ids), "event_ids": ids}))


@router.post("/verdicts", response_model=AcceptedEvents)
async def verdicts(body: Verdict, caller: Writer, collector: Collector) -> AcceptedEvents:
    """Record what an operator says of a similar case. 200 means: durable, and never counted twice.

    A user's latest verdict on a case for an anomaly counts. Neither needs to be recorded already.
    """
    (made,) = new_ids(1)
    event_id = body.event_id or made
    verdict = VerdictRecorded(**body.model_dump(exclude={"event_id"}))
    await collector.judge(caller.workspace, verdict, event_id)
    return AcceptedEvents(accepted=1, event_ids=[event_id])


def _json(content: bytes) -> Response:
    # Ready bytes: FastAPI would validate and encode the answer once more (docs/benchmarks.md).
    return Response(content, media_type="application/json")
