"""Recording verdicts: once each, and counted by where the answer had shown the case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from prometheus_client import Counter

from services.anomaly_similarity import repository, requests_repository, verdict_repository
from services.anomaly_similarity.ending_repository import endings
from services.anomaly_similarity.verdicts import rank
from services.database import Database
from services.messages.types import VerdictRecorded

_verdicts = Counter(
    "akin_similarity_verdicts",
    "Operators' verdicts, by whether the case was useful and where the answer had shown it.",
    ["useful", "rank"],
)


@dataclass(frozen=True, slots=True)
class Given:
    """A verdict with its event's id and the time at which it was accepted."""

    event_id: str
    accepted_at: datetime
    verdict: VerdictRecorded


class Feedback:
    """Writes verdicts. Safe to call again with the same ones, from any number of processes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, workspace: str, given: Sequence[Given]) -> None:
        """Insert the verdicts that are new. The anomalies need not be known: events come in any order.

        Dropped is what was accepted before the workspace was cleaned up, or one of the two was deleted.
        """
        by_event = {each.event_id: each for each in reversed(given)}
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace)
            ids = {i for each in given for i in _anomalies(each)}
            ended = await endings(connection, workspace, ids)
            rows = [
                {
                    **msgspec.structs.asdict(each.verdict),
                    "event_id": i,
                    "recorded_at": each.accepted_at,
                }
                for i, each in by_event.items()
                if ended.spare(each.accepted_at, *_anomalies(each))
            ]
            new = await verdict_repository.insert(connection, workspace, rows)
        await self._count(workspace, [by_event[i].verdict for i in new])

    async def _count(self, workspace: str, fresh: Sequence[VerdictRecorded]) -> None:
        """Count what is committed: that an answer cannot be looked up must not cost a verdict."""
        if not fresh:
            return
        tasks = {each.task_result_id for each in fresh if each.task_result_id is not None}
        async with self._database.reading(workspace) as connection:
            shown = await requests_repository.shown(connection, workspace, sorted(tasks))
        for verdict in fresh:
            cases = shown.get(verdict.task_result_id or "", [])
            place = rank(verdict.similar_anomaly_id, cases)
            _verdicts.labels(str(verdict.useful).lower(), place).inc()


def _anomalies(given: Given) -> tuple[str, str]:
    return given.verdict.anomaly_id, given.verdict.similar_anomaly_id
