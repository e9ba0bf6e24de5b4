"""All SQL about what detectors found: the series, the interval, and the shape of the measurements in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity.lookups import rows_by_id
from services.anomaly_similarity.records import Detection
from services.anomaly_similarity.tables import detections


async def insert_detections(
    connection: AsyncConnection, workspace: str, told: Mapping[str, Detection]
) -> None:
    """Insert what was detected, by the anomaly's id. Needs the lock."""
    rows = [{"workspace": workspace, "anomaly_id": i, **_columns(told[i])} for i in told]
    if rows:
        await connection.execute(insert(detections), rows)


async def detections_by_id(
    connection: AsyncConnection, workspace: str, anomaly_ids: Sequence[str]
) -> dict[str, Detection]:
    """Return what was detected of those of the anomalies that a detector found."""
    rows = await rows_by_id(connection, detections, "anomaly_id", workspace, anomaly_ids)
    return {
        row.anomaly_id: Detection(
            series=row.series,
            channels=tuple(row.channels),
            began_at=row.began_at,
            ended_at=row.ended_at,
            detector=row.detector,
            shape=np.frombuffer(row.shape, "<f8"),
            task_result_id=row.task_result_id,
        )
        for row in rows
    }


async def shapes(
    connection: AsyncConnection, workspace: str, anomaly_ids: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Return the shapes of those of the anomalies that have one: (points,), NaN where there was no value."""
    found = await detections_by_id(connection, workspace, anomaly_ids)
    return {anomaly_id: each.shape for anomaly_id, each in found.items() if len(each.shape)}


async def delete_detection(connection: AsyncConnection, workspace: str, anomaly_id: str) -> None:
    """Delete what was detected of an anomaly."""
    here = detections.c.workspace == workspace, detections.c.anomaly_id == anomaly_id
    await connection.execute(delete(detections).where(*here))


def _columns(detection: Detection) -> dict[str, Any]:
    return {
        "series": detection.series,
        "channels": list(detection.channels),
        "began_at": detection.began_at,
        "ended_at": detection.ended_at,
        "detector": detection.detector,
        "shape": detection.shape.astype("<f8").tobytes(),
        "task_result_id": detection.task_result_id,
    }
