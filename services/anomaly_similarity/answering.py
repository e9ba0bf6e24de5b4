"""Answering questions for similar anomalies, in the worker: computed at least once, stored exactly once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby

from prometheus_client import Counter, Gauge, Histogram

from services.anomaly_similarity import outbox_repository, rendering, requests_repository
from services.anomaly_similarity.answer_schemas import Question
from services.anomaly_similarity.outbox import Outbox, event
from services.anomaly_similarity.requests_repository import Claimed, Outcome, Place
from services.anomaly_similarity.searcher import Searcher
from services.broker import Retry
from services.broker.consumer import TRANSIENT
from services.database import EVERY_WORKSPACE, Database
from services.messages.types import SimilarityComputed

TOGETHER = 4  # questions computed side by side, each with a connection to the database in turn
TRIES = 5  # computations of one question, those included in which the process died
KEPT = timedelta(days=30)  # questions and their answers

log = logging.getLogger(__name__)

_seconds = Histogram(
    "akin_similarity_seconds",
    "From a question for similar anomalies to its stored answer.",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0),
)
_answers = Counter(
    "akin_similarity_answers",
    "Questions for similar anomalies by what they came to: similar, abstained, failed.",
    ["outcome"],
)
_pending = Gauge(
    "akin_similarity_pending", "Questions that wait for their answers, in all workspaces."
)


class Answerer:
    """Computes and stores answers. Any number of processes may do so side by side."""

    def __init__(self, database: Database, searcher: Searcher, outbox: Outbox) -> None:
        self._database = database
        self._searcher = searcher
        self._outbox = outbox

    async def answer(self, places: Sequence[Place]) -> None:
        """Answer those of the questions that have no answer yet.

        Raises:
            Retry: some could not be computed this time; call it again with the same questions.
        """
        vain = 0
        for workspace, group in groupby(sorted(places), key=lambda place: place[0]):
            ids = [task_result_id for _, task_result_id in group]
            for start in range(0, len(ids), TOGETHER):
                vain += await self._answer_some(workspace, ids[start : start + TOGETHER])
        if vain:
            raise Retry(f"{vain} questions could not be answered this time.")

    async def _answer_some(self, workspace: str, ids: Sequence[str]) -> int:
        """Return how many have to be tried again."""
        # Not durably: at worst a question is tried once more than it should be.
        async with self._database.transaction(workspace, durable=False) as connection:
            claimed = await requests_repository.claim(connection, workspace, ids)
        found = await asyncio.gather(*(self._outcome(workspace, each) for each in claimed))
        outcomes = [each for each in found if each is not None]
        if outcomes:
            await self._store(workspace, claimed, outcomes)
        return len(found) - len(outcomes)

    async def _outcome(self, workspace: str, asked: Claimed) -> Outcome | None:
        """Return what a question came to; None where it has to be tried again."""
        if asked.attempts > TRIES:
            return _failed(asked, f"The computation was cut short {TRIES} times.")
        try:
            return await self._compute(workspace, asked)
        except TRANSIENT as error:
            log.warning("A question for similar anomalies waits: %r", error)
            # What passes by itself counts for nothing, however long it takes.
            async with self._database.transaction(workspace, durable=False) as connection:
                await requests_repository.unclaim(connection, workspace, asked.task_result_id)
            return None
        except Exception as error:  # whatever it is, the client is told
            log.exception("Similar anomalies cannot be computed.", extra=_named(asked))
            if asked.attempts < TRIES:
                return None
            reason = type(error).__name__
            return _failed(asked, f"The computation failed {TRIES} times, at last with {reason}.")

    async def _compute(self, workspace: str, asked: Claimed) -> Outcome:
        question = Question.model_validate_json(asked.question)
        filters = question.filters.filters()
        answer = await self._searcher.for_anomaly(
            workspace, asked.anomaly_id, limit=question.limit, filters=filters
        )
        if answer is None:
            return _failed(asked, f"Anomaly '{asked.anomaly_id}' was deleted meanwhile.")
        now = datetime.now(UTC)
        async with self._database.reading(workspace) as connection:
            result = await rendering.done(connection, workspace, asked.user_name, answer, now)
        return Outcome(asked.task_result_id, "done", result, abstained=answer.abstained)

    async def _store(
        self, workspace: str, claimed: Sequence[Claimed], outcomes: Sequence[Outcome]
    ) -> None:
        by_id = {each.task_result_id: each for each in claimed}
        now = datetime.now(UTC)
        async with self._database.transaction(workspace) as connection:
            stored = await requests_repository.finish(connection, workspace, outcomes, now)
            told = [
                event(workspace, _computed(by_id[each.task_result_id], each)) for each in stored
            ]
            await outbox_repository.put(connection, told)
        self._outbox.announce(told)
        for each in stored:
            _answers.labels(each.kind).inc()
            waited = now - by_id[each.task_result_id].requested_at
            _seconds.observe(waited.total_seconds())

    async def sweep(self) -> None:
        """Delete what was asked too long ago."""
        deleted = 1
        while deleted:
            async with self._database.transaction(EVERY_WORKSPACE) as connection:
                before = datetime.now(UTC) - KEPT
                deleted = await requests_repository.sweep(connection, before)

    async def count(self) -> None:
        """Tell the metrics how many wait."""
        async with self._database.reading(EVERY_WORKSPACE) as connection:
            _pending.set(await requests_repository.count_pending(connection))


def _failed(asked: Claimed, error: str) -> Outcome:
    return Outcome(asked.task_result_id, "failed", rendering.failed(error))


def _computed(asked: Claimed, outcome: Outcome) -> SimilarityComputed:
    return SimilarityComputed(
        task_result_id=asked.task_result_id,
        anomaly_id=asked.anomaly_id,
        user_name=asked.user_name,
        status=outcome.status,
    )


def _named(asked: Claimed) -> dict[str, str]:
    return {"task_result_id": asked.task_result_id, "anomaly_id": asked.anomaly_id}
