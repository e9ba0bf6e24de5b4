"""The routes for anomalies."""

from __future__ import annotations

from math import isfinite
from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.anomaly_similarity import cursors, schemas
from services.anomaly_similarity.dependencies import NONE, Reader, Recording, Writer
from services.anomaly_similarity.records import Anomaly, Detection
from services.anomaly_similarity.repository import Wanted
from services.anomaly_similarity.schemas import AnomalyId, Limit
from services.anomaly_similarity.service import new_id
from services.web import paths  # noqa: F401 - `:id` in the routes
from services.web.errors import NotFound
from services.web.schemas import Id

router = APIRouter()

_FROM = Query(alias="from", description="The earliest time.")
_TO = Query(description="The time before which it occurred.")


@router.post("/anomalies", response_model=schemas.AnomaliesWritten)
async def post_anomalies(
    body: schemas.Anomalies, caller: Writer, records: Recording
) -> schemas.AnomaliesWritten:
    """Record an anomaly, or up to 1,000 at once. One whose id is known is replaced.

    Components and people that are not known yet are added by their ids.
    """
    told = [(each.anomaly_id or new_id(), each) for each in body.anomalies]
    counts, _ = await records.put(caller.workspace, told)
    return schemas.AnomaliesWritten(
        added=counts.added,
        updated=counts.updated,
        unchanged=counts.unchanged,
        anomaly_ids=[anomaly_id for anomaly_id, _ in told],
    )


@router.get("/anomalies", response_model=schemas.AnomalyPage)
async def list_anomalies(
    caller: Reader,
    records: Recording,
    severity: schemas.Severity | None = None,
    component: Id | None = None,
    product: Id | None = None,
    q: schemas.Query | None = None,
    from_: Annotated[schemas.Moment | None, _FROM] = None,
    to: Annotated[schemas.Moment | None, _TO] = None,
    limit: Limit = 50,
    cursor: str | None = None,
) -> schemas.AnomalyPage:
    """List anomalies, the newest first: those with every word of `q` in description, solution or id."""
    wanted = Wanted(
        severity=severity,
        component=component,
        product=product,
        since=from_,
        before=to,
        after=cursors.after_time(cursor),
    )
    found = await records.find(caller.workspace, wanted, text=q, limit=limit + 1)
    page = found[:limit]
    more = len(found) > limit
    return schemas.AnomalyPage(
        anomalies=[out(each) for each in page],
        cursor=cursors.encode(page[-1].occurred_at, page[-1].anomaly_id) if more else None,
    )


@router.put("/anomalies/{anomaly_id:id}", response_model=schemas.AnomalyOut)
async def put_anomaly(
    anomaly_id: AnomalyId, body: schemas.AnomalyBody, caller: Writer, records: Recording
) -> schemas.AnomalyOut:
    """Record an anomaly or replace what is known of it.

    Components and people that are not known yet are added by their ids.
    """
    _, (stored,) = await records.put(caller.workspace, [(anomaly_id, body)])
    return out(stored)


@router.get("/anomalies/{anomaly_id:id}", response_model=schemas.AnomalyDetail, responses=NONE)
async def get_anomaly(
    anomaly_id: AnomalyId, caller: Reader, records: Recording
) -> schemas.AnomalyDetail:
    """Return an anomaly, and what a detector found of it."""
    found = await records.get(caller.workspace, anomaly_id)
    if found is None:
        raise no_anomaly(anomaly_id)
    detection = await records.detection(caller.workspace, anomaly_id)
    told = detection_out(detection) if detection else None
    return schemas.AnomalyDetail(**out(found).model_dump(), detection=told)


@router.delete("/anomalies/{anomaly_id:id}", status_code=204, responses=NONE)
async def delete_anomaly(anomaly_id: AnomalyId, caller: Writer, records: Recording) -> Response:
    """Delete an anomaly, for good."""
    if not await records.delete(caller.workspace, anomaly_id):
        raise no_anomaly(anomaly_id)
    return Response(status_code=204)


def no_anomaly(anomaly_id: str) -> NotFound:
    """Return the error that there is no such anomaly."""
    return NotFound(f"Anomaly '{anomaly_id}' does not exist.", code="anomaly_not_found")


def out(anomaly: Anomaly) -> schemas.AnomalyOut:
    """Return an anomaly as clients get it."""
    return schemas.AnomalyOut(
        anomaly_id=anomaly.anomaly_id,
        description=anomaly.description,
        severity=anomaly.severity,
        timestamp=anomaly.occurred_at,
        recommended_product=anomaly.recommended_product,
        user_names=list(anomaly.user_names),
        component_ids=list(anomaly.component_ids),
        solution=anomaly.solution,
        outcome=anomaly.outcome,
        attributes=dict(anomaly.attributes),
    )


def detection_out(detection: Detection) -> schemas.DetectionOut:
    """Return what was detected as clients get it; a gap in the shape is null."""
    told = {
        "series": detection.series,
        "channels": list(detection.channels),
        "from": detection.began_at,
        "to": detection.ended_at,
        "detector": detection.detector,
        "shape": [value if isfinite(value) else None for value in detection.shape.tolist()],
        "task_result_id": detection.task_result_id,
    }
    return schemas.DetectionOut.model_validate(told)
