# ruff: noqa: ARG001 - nothing is stored yet
"""All SQL about operators' verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """What an operator said of a case that was shown for an anomaly."""

    anomaly_id: str
    similar_anomaly_id: str
    user_name: str
    useful: bool
    solved: bool | None
    recorded_at: datetime


async def of_anomaly(
    connection: AsyncConnection, workspace: str, anomaly_id: str
) -> list[StoredVerdict]:
    """Return the latest verdict on each case that was shown for this anomaly."""
    return []


async def on_cases(
    connection: AsyncConnection, workspace: str, case_ids: Sequence[str]
) -> list[StoredVerdict]:
    """Return the verdicts on these cases, whatever they were shown for."""
    return []


async def all_verdicts(connection: AsyncConnection, workspace: str) -> list[StoredVerdict]:
    """Return all verdicts."""
    return []
