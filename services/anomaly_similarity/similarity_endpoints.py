"""The routes for questions about similar anomalies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import orjson
from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from services.anomaly_similarity import answer_schemas as schemas
from services.anomaly_similarity.answer_schemas import DEFAULT_USER, AskedUser, TaskId, Wait
from services.anomaly_similarity.dependencies import (
    NONE,
    Asking,
    Awaiting,
    CallbackRules,
    Reader,
    Searching,
    Writer,
)
from services.anomaly_similarity.endpoints import no_anomaly
from services.web.errors import NotFound

RETRY_AFTER = "1"  # seconds; most answers take less

router = APIRouter()


class EventStream(StreamingResponse):
    """Server-sent events."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[str]) -> None:
        # What stands between must not gather the events: nginx asks for the second header.
        kept = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, headers=kept)


@router.post("/similarities", status_code=202, response_model=schemas.Accepted, responses=NONE)
async def ask(body: schemas.Ask, caller: Writer, asker: Asking, rules: CallbackRules) -> Response:
    """Ask which past anomalies are similar to a recorded one. 202 means: it will be answered."""
    rules.check(body.callback_url)
    task_result_id = await asker.ask(caller.workspace, body)
    if task_result_id is None:
        raise no_anomaly(body.anomaly_id)
    # Ready bytes: FastAPI would validate and encode the answer once more.
    accepted = {"task_result_id": task_result_id, "user_name": body.user_name}
    return Response(orjson.dumps(accepted), 202, media_type="application/json")


@router.get(
    "/similarities",
    response_model=schemas.Done | schemas.Failed,
    responses={**NONE, 202: schemas.PENDING},
)
async def answer(
    caller: Reader,
    waiting: Awaiting,
    task_result_id: TaskId,
    user_name: AskedUser = DEFAULT_USER,
    wait: Wait = 0.0,
) -> Response:
    """Return the answer to a question, or wait for it up to `wait` seconds."""
    place = caller.workspace, task_result_id
    found = await waiting.result(place, user_name, seconds=wait)
    if found is None:
        raise _no_request(task_result_id)
    if found.result is None:
        headers = {"Retry-After": RETRY_AFTER}
        return Response(b'{"status":"pending"}', 202, headers, media_type="application/json")
    return Response(found.result, media_type="application/json")


@router.get(
    "/similarities/events",
    response_class=Response,  # says of no type: errors are JSON, and the stream is told below
    responses={
        **NONE,
        200: {
            "description": "Comments, then one event `done` or `failed` with the answer as data.",
            "content": {
                "text/event-stream": {
                    "schema": {"type": "string"},
                    "example": ': waiting\n\nevent: done\ndata: {"status":"done",…}\n\n',
                }
            },
        },
    },
)
async def stream(
    caller: Reader, waiting: Awaiting, task_result_id: TaskId, user_name: AskedUser = DEFAULT_USER
) -> EventStream:
    """Wait for the answer as server-sent events: one event with it, at the end."""
    place = caller.workspace, task_result_id
    if await waiting.result(place, user_name) is None:
        raise _no_request(task_result_id)
    waiting.require_room()
    return EventStream(waiting.stream(place, user_name))


@router.post("/similarities/search", response_model=schemas.Done)
async def search(body: schemas.Search, caller: Reader, searching: Searching) -> Response:
    """Return which past anomalies are similar to a text that is not recorded, at once."""
    found = await searching.search(caller.workspace, body, now=datetime.now(UTC))
    return Response(found, media_type="application/json")


def _no_request(task_result_id: str) -> NotFound:
    return NotFound(f"Request '{task_result_id}' does not exist.", code="request_not_found")
