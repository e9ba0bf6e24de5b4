"""Answers are computed at least once and stored exactly once, whatever fails on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.anomaly_similarity import answering, requests_repository
from services.anomaly_similarity.answering import OVERDUE, SIDE_BY_SIDE, TRIES, Answerer
from services.anomaly_similarity.answers import Answer
from services.anomaly_similarity.outbox import Outbox
from services.anomaly_similarity.requests_repository import Asked, Stored
from services.anomaly_similarity.schemas import AnomalyBody
from services.anomaly_similarity.service import Records, new_id
from services.anomaly_similarity.tables import outbox, similarity_requests
from services.broker import Retry
from services.database import Database
from services.messages.envelope import decode
from services.messages.types import SimilarityRequested

NOTHING = Answer(cases=[], solutions=[], abstained=True, model_version="none")


class Scripted:
    """Answers each question by what the test says for its anomaly."""

    def __init__(self, does: Callable[[str], Any] = lambda _: NOTHING) -> None:
        self.does = does
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0

    async def for_anomaly(self, _: str, anomaly_id: str, **__: Any) -> Any:
        self.asked.append(anomaly_id)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        found = self.does(anomaly_id)
        if isinstance(found, Exception):
            raise found
        return found


class Silent(Outbox):
    """An outbox that publishes nothing: what was stored stays to be looked at."""

    def announce(self, _: Any) -> None:
        return


def answerer(data: Database, searcher: Scripted) -> Answerer:
    return Answerer(data, searcher, Silent(data, None))  # type: ignore[arg-type]


async def store(data: Database, workspace: str, *anomaly_ids: str, **more: Any) -> list[str]:
    asked = [
        Asked(
            task_result_id=new_id(),
            user_name="ada",
            anomaly_id=anomaly_id,
            question='{"limit":3}',
            **{"requested_at": datetime.now(UTC)} | more,
        )
        for anomaly_id in anomaly_ids
    ]
    async with data.transaction(workspace) as connection:
        await requests_repository.insert(connection, workspace, asked)
    return [each.task_result_id for each in asked]


async def stands(data: Database, workspace: str, identifier: str) -> Stored | None:
    async with data.reading(workspace) as connection:
        return await requests_repository.find(connection, workspace, identifier, "ada")


async def told(data: Database, workspace: str) -> list[tuple[str, str]]:
    """The ids and statuses of the stored `similarity.computed`."""
    async with data.reading(workspace) as connection:
        query = select(outbox.c.body).where(outbox.c.workspace == workspace)
        bodies = (await connection.execute(query)).scalars()
        events = [event.data for body in bodies for event in decode(body.encode())]
    return [(event.task_result_id, event.status) for event in events]


async def attempts(data: Database, workspace: str) -> int:
    async with data.reading(workspace) as connection:
        of = similarity_requests.c
        query = select(of.attempts).where(of.workspace == workspace)
        return int((await connection.execute(query)).scalar_one())


async def test_two_workers_with_the_same_question_store_one_answer(
    data: Database, workspace: str
) -> None:
    (identifier,) = await store(data, workspace, "a")
    searcher = Scripted()
    both = [answerer(data, searcher) for _ in range(2)]
    await asyncio.gather(*(each.answer([(workspace, identifier)]) for each in both))
    assert await told(data, workspace) == [(identifier, "done")]
    await both[0].answer([(workspace, identifier)])  # delivered once more
    assert len(await told(data, workspace)) == 1
    assert len(searcher.asked) <= 2


async def test_a_computation_that_fails_is_tried_again_and_its_neighbours_are_not(
    data: Database, workspace: str
) -> None:
    left = iter([ValueError("no"), ValueError("no"), NOTHING])
    searcher = Scripted(lambda anomaly_id: next(left) if anomaly_id == "bad" else NOTHING)
    bad, good = await store(data, workspace, "bad", "good")
    places = [(workspace, bad), (workspace, good)]
    worker = answerer(data, searcher)
    for _ in range(2):
        with pytest.raises(Retry):
            await worker.answer(places)
        assert await told(data, workspace) == [(good, "done")]
    await worker.answer(places)
    assert set(await told(data, workspace)) == {(good, "done"), (bad, "done")}
    assert searcher.asked.count("good") == 1


async def test_a_computation_that_always_fails_is_told_as_failed(
    data: Database, workspace: str
) -> None:
    (identifier,) = await store(data, workspace, "bad")
    worker = answerer(data, Scripted(lambda _: ValueError("secret detail")))
    for _ in range(TRIES - 1):
        with pytest.raises(Retry):
            await worker.answer([(workspace, identifier)])
    await worker.answer([(workspace, identifier)])
    found = await stands(data, workspace, identifier)
    assert found == Stored(
        "failed",
        '{"status":"failed","error":"The computation failed 5 times, at last with ValueError."}',
    )
    assert await told(data, workspace) == [(identifier, "failed")]


async def test_a_question_that_kills_its_process_each_time_is_given_up(
    data: Database, workspace: str
) -> None:
    (identifier,) = await store(data, workspace, "deadly")
    for _ in range(TRIES):  # claimed, and never heard of again
        async with data.transaction(workspace) as connection:
            await requests_repository.claim(connection, workspace, [identifier])
    searcher = Scripted()
    await answerer(data, searcher).answer([(workspace, identifier)])
    assert await told(data, workspace) == [(identifier, "failed")]
    assert searcher.asked == []


async def test_what_is_away_for_long_costs_no_tries(data: Database, workspace: str) -> None:
    away = True
    (identifier,) = await store(data, workspace, "a")
    worker = answerer(data, Scripted(lambda _: ConnectionError() if away else NOTHING))
    for _ in range(2 * TRIES):
        with pytest.raises(Retry):
            await worker.answer([(workspace, identifier)])
    assert await attempts(data, workspace) == 0
    away = False
    await worker.answer([(workspace, identifier)])
    assert await told(data, workspace) == [(identifier, "done")]


async def test_few_are_computed_at_once(data: Database, workspace: str) -> None:
    searcher = Scripted()
    identifiers = await store(data, workspace, *"abcdefghij")
    await answerer(data, searcher).answer([(workspace, each) for each in identifiers])
    assert len(await told(data, workspace)) == 10
    assert searcher.most_at_once == SIDE_BY_SIDE


async def test_what_was_asked_a_month_ago_is_swept_away(
    data: Database, workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests_repository, "SWEPT", 2)
    now = datetime.now(UTC)
    old = await store(data, workspace, *"abcde", requested_at=now - answering.KEPT)
    (young,) = await store(data, workspace, "f", requested_at=now - timedelta(days=29))
    await answerer(data, Scripted()).sweep()
    assert [await stands(data, workspace, each) for each in old] == [None] * 5
    assert await stands(data, workspace, young) == Stored("pending", None)


async def test_what_nobody_has_answered_for_long_is_ordered_anew(
    data: Database, workspace: str
) -> None:
    long_ago = datetime.now(UTC) - OVERDUE - timedelta(minutes=1)
    (late,) = await store(data, workspace, "a", requested_at=long_ago)
    await store(data, workspace, "b")
    await answerer(data, Scripted()).remind()
    async with data.reading(workspace) as connection:
        query = select(outbox.c.body).where(outbox.c.workspace == workspace)
        bodies = (await connection.execute(query)).scalars()
        orders = [event.data for body in bodies for event in decode(body.encode())]
    assert orders == [SimilarityRequested(task_result_id=late)]


async def test_a_cleanup_takes_answers_that_were_computed_while_it_travelled(
    data: Database, workspace: str
) -> None:
    records, cleaned_at = Records(data), datetime.now(UTC)
    done, gone = await store(data, workspace, "old", "old")
    await answerer(data, Scripted()).answer([(workspace, done)])
    (new,) = await store(data, workspace, "new")
    await records.put(workspace, [("new", AnomalyBody(description="Leaks"))])
    await records.clean(workspace, cleaned_at)
    left = [each for each in (done, gone, new) if await stands(data, workspace, each) is not None]
    assert left == [new]
