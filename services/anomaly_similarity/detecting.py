"""Anomalies that detectors found: recorded with the shape of their measurements, and similar ones asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity import repository, shape_repository, writing_repository
from services.anomaly_similarity.announcing import announce
from services.anomaly_similarity.answer_schemas import Ask
from services.anomaly_similarity.asking import asked_of, store
from services.anomaly_similarity.ending_repository import endings
from services.anomaly_similarity.outbox import Outbox
from services.anomaly_similarity.records import Anomaly, Detection
from services.anomaly_similarity.requests_repository import Asked
from services.anomaly_similarity.schemas import AnomalyIn
from services.anomaly_similarity.service import anomaly_of, next_revision, write
from services.broker import Broker
from services.database import Database
from services.messages.types import AnomalyDetected

Told = tuple[datetime, AnomalyDetected]  # with the time at which the event was accepted

NAMED = 5  # channels in a description that is made here; further ones say little


class Detections:
    """Writes what detectors found. Safe to call again with the same, from any number of processes."""

    def __init__(self, database: Database, broker: Broker, outbox: Outbox) -> None:
        self._database = database
        self._broker = broker
        self._outbox = outbox

    async def record(self, workspace: str, told: Sequence[Told]) -> None:
        """Record what is new, and ask for what is similar to it.

        What operators wrote stays as it is, and what they deleted since stays deleted. An anomaly that they
        recorded first gets the detection alone; one that has a detection keeps it.

        Raises:
            ValueError: what would be refused in a request as well.
        """
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace)
            fresh = await _fresh(connection, workspace, told)
            detections = {each.anomaly_id: _detection(each) for _, each in fresh}
            await _write(connection, workspace, fresh)
            asked = {anomaly_id: asked_of(Ask(anomaly_id=anomaly_id)) for anomaly_id in detections}
            orders = await store(connection, workspace, [(each, None) for each in asked.values()])
            found = _with_tasks(detections, asked)
            await shape_repository.insert_detections(connection, workspace, found)
        self._outbox.announce(orders)
        await announce(self._broker, workspace, list(detections), "upserted")


def _with_tasks(
    detections: Mapping[str, Detection], asked: Mapping[str, Asked]
) -> dict[str, Detection]:
    return {
        i: replace(each, task_result_id=asked[i].task_result_id) for i, each in detections.items()
    }


async def _fresh(connection: AsyncConnection, workspace: str, told: Sequence[Told]) -> list[Told]:
    ids = list({each.anomaly_id for _, each in told})
    ended = await endings(connection, workspace, ids)
    known = await shape_repository.detections_by_id(connection, workspace, ids)
    fresh: dict[str, Told] = {}
    for accepted_at, each in told:
        if each.anomaly_id not in known and ended.spare(accepted_at, each.anomaly_id):
            fresh.setdefault(each.anomaly_id, (accepted_at, each))
    return list(fresh.values())


async def _write(connection: AsyncConnection, workspace: str, fresh: Sequence[Told]) -> None:
    """Add the anomalies that nobody recorded; the others get a new revision, since they get a shape."""
    ids = [each.anomaly_id for _, each in fresh]
    found = await repository.anomalies_by_id(connection, workspace, ids)
    known = {each.anomaly_id for each in found.values() if each.anomaly is not None}
    new = {each.anomaly_id: (at, each) for at, each in fresh if each.anomaly_id not in known}
    now = datetime.now(UTC)
    added = [_anomaly(each, now) for _, each in new.values()]
    await write(connection, workspace, added, [], found, now)
    # A cleanup that happened while the event travelled, and arrives after it, has to find it.
    accepted = {anomaly_id: at for anomaly_id, (at, _) in new.items()}
    await writing_repository.date(connection, workspace, accepted)
    if known:
        revision = await next_revision(connection, workspace)
        await writing_repository.touch(connection, workspace, sorted(known), revision)


def _anomaly(told: AnomalyDetected, now: datetime) -> Anomaly:
    body = AnomalyIn(
        anomaly_id=told.anomaly_id,
        description=(told.description or "").strip() or _description(told),
        severity=told.severity,
        timestamp=told.began_at,
        attributes=told.attributes,
    )
    return anomaly_of(told.anomaly_id, body, None, now)


def _description(told: AnomalyDetected) -> str:
    channels = ", ".join(told.channels[:NAMED])
    if (more := len(told.channels) - NAMED) > 0:
        channels += f" and {more} more"
    began, ended = (
        f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}" for at in (told.began_at, told.ended_at)
    )
    return f"Unusual {channels} of {told.series}, {began} to {ended} UTC"


def _detection(told: AnomalyDetected) -> Detection:
    if told.ended_at < told.began_at:
        raise ValueError("An anomaly cannot end before it begins.")
    return Detection(
        series=told.series,
        channels=told.channels,
        began_at=told.began_at,
        ended_at=told.ended_at,
        detector=told.detector,
        shape=np.array(told.shape or (), np.float64),  # a gap becomes NaN
    )
