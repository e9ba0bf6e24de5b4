"""Answering questions for similar anomalies, in the worker: computed at least once, stored exactly once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import groupby

from prometheus_client import Gauge, Histogram

from services.anomaly_similarity import outbox_repository, rendering, requests_repository
from services.anomaly_similarity.answer_schemas import Question
from services.anomaly_similarity.answers import Answer
from services.anomaly_similarity.outbox import Outbox, event
from services.anomaly_similarity.rendering import Known
from services.anomaly_similarity.requests_repository import Claimed, Outcome, Place
from services.anomaly_similarity.searcher import Searcher, answered
from services.broker import Retry
from services.broker.consumer import TRANSIENT
from services.database import EVERY_WORKSPACE, Database, DatabaseUnavailable
from services.messages.types import SimilarityComputed, SimilarityRequested

TOGETHER = 32  # questions that are begun in one transaction, and stored in one
SIDE_BY_SIDE = 4  # questions computed at a time, each with a connection to the database in turn
TRIES = 5  # computations of one question, those included in which the process died
OVERDUE = timedelta(minutes=10)  # questions that long without an answer are ordered anew …
REMINDED = 500  # … so many at a time; an order that comes twice harms nobody
KEPT = timedelta(days=30)  # questions and their answers

Found = Answer | str  # or why there is no answer

log = logging.getLogger(__name__)

_seconds = Histogram(
    "akin_similarity_seconds",
    "From a question for similar anomalies to its stored answer.",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0),
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
        self._computing = asyncio.Semaphore(SIDE_BY_SIDE)

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
        found = await asyncio.gather(*(self._compute(workspace, each) for each in claimed))
        told = [(asked, what) for asked, what in zip(claimed, found, strict=True) if what]
        if told:
            await self._store(workspace, told)
        return len(claimed) - len(told)

    async def _compute(self, workspace: str, asked: Claimed) -> Found | None:
        """Return what a question came to; None where it has to be tried again."""
        if asked.attempts > TRIES:
            return f"The computation was cut short {TRIES} times."
        try:
            async with self._computing:
                answer = await self._search(workspace, asked)
        except TRANSIENT as error:
            log.warning("A question for similar anomalies waits: %r", error)
            await self._forgive(workspace, asked)
            return None
        except Exception as error:  # whatever it is, the client is told
            named = {"task_result_id": asked.task_result_id, "anomaly_id": asked.anomaly_id}
            log.exception("Similar anomalies cannot be computed.", extra=named)
            if asked.attempts < TRIES:
                return None
            reason = type(error).__name__
            return f"The computation failed {TRIES} times, at last with {reason}."
        return answer or f"Anomaly '{asked.anomaly_id}' was deleted meanwhile."

    async def _forgive(self, workspace: str, asked: Claimed) -> None:
        """Take the try back: what passes by itself counts for nothing, however long it takes."""
        with suppress(DatabaseUnavailable):
            async with self._database.transaction(workspace, durable=False) as connection:
                await requests_repository.unclaim(connection, workspace, asked.task_result_id)

    async def _search(self, workspace: str, asked: Claimed) -> Answer | None:
        question = Question.model_validate_json(asked.question)
        return await self._searcher.for_anomaly(
            workspace,
            asked.anomaly_id,
            limit=question.limit,
            filters=question.filters.filters(),
        )

    async def _store(self, workspace: str, told: Sequence[tuple[Claimed, Found]]) -> None:
        by_id = {asked.task_result_id: asked for asked, _ in told}
        async with self._database.transaction(workspace) as connection:
            answers = [found for _, found in told if isinstance(found, Answer)]
            known = await rendering.known_of(connection, workspace, answers)
            now = datetime.now(UTC)
            outcomes = [_outcome(asked, found, known, now) for asked, found in told]
            stored = await requests_repository.finish(connection, workspace, outcomes, now)
            events = [
                event(workspace, _computed(by_id[each.task_result_id], each)) for each in stored
            ]
            await outbox_repository.put(connection, events)
        self._outbox.announce(events)
        for each in stored:
            if each.status == "failed":
                answered.labels("failed").inc()
            waited = now - by_id[each.task_result_id].requested_at
            _seconds.observe(waited.total_seconds())

    async def remind(self) -> None:
        """Order anew what nobody has answered for long: its order was lost with the broker's data, or is dead."""
        async with self._database.transaction(EVERY_WORKSPACE) as connection:
            before = datetime.now(UTC) - OVERDUE
            late = await requests_repository.overdue(connection, before, limit=REMINDED)
            orders = [
                event(workspace, SimilarityRequested(task_result_id=each))
                for workspace, each in late
            ]
            await outbox_repository.put(connection, orders)
        self._outbox.announce(orders)

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


def _outcome(asked: Claimed, found: Found, known: Known, now: datetime) -> Outcome:
    if isinstance(found, str):
        return Outcome(asked.task_result_id, "failed", rendering.failed(found))
    try:
        result = rendering.done(found, known, user_name=asked.user_name, at=now)
    except ValueError:  # it must not take down those that are stored beside it
        log.exception("An answer cannot be written.")
        return Outcome(
            asked.task_result_id, "failed", rendering.failed("The answer cannot be written.")
        )
    return Outcome(asked.task_result_id, "done", result)


def _computed(asked: Claimed, outcome: Outcome) -> SimilarityComputed:
    return SimilarityComputed(
        task_result_id=asked.task_result_id,
        anomaly_id=asked.anomaly_id,
        user_name=asked.user_name,
        status=outcome.status,
    )
