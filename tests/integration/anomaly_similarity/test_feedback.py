"""Verdicts: stored once each, in whatever order they come, and gone with what they are about."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from sqlalchemy import delete

from services.anomaly_similarity import requests_repository, verdict_repository
from services.anomaly_similarity.feedback import Feedback, Given
from services.anomaly_similarity.requests_repository import Asked
from services.anomaly_similarity.schemas import AnomalyBody
from services.anomaly_similarity.service import Records
from services.anomaly_similarity.tables import verdicts
from services.anomaly_similarity.verdict_repository import StoredVerdict
from services.anomaly_similarity.verdicts import left_out, pairs, trials
from services.database import Database
from services.messages.types import VerdictRecorded

DAY = datetime(2026, 1, 1, tzinfo=UTC)
LEAK = AnomalyBody(description="Leaks")


def said(
    event_id: str,
    anomaly: str = "n",
    case: str = "a",
    *,
    user: str = "ada",
    useful: bool = True,
    solved: bool | None = None,
    at: datetime = DAY,
    task: str | None = None,
) -> Given:
    told = VerdictRecorded(
        anomaly_id=anomaly,
        similar_anomaly_id=case,
        user_name=user,
        useful=useful,
        solved=solved,
        task_result_id=task,
    )
    return Given(event_id, at, told)


def hour(n: int) -> datetime:
    return DAY + timedelta(hours=n)


async def of_anomaly(data: Database, workspace: str, anomaly_id: str = "n") -> list[StoredVerdict]:
    async with data.reading(workspace) as connection:
        return await verdict_repository.of_anomaly(connection, workspace, anomaly_id)


async def everything(data: Database, workspace: str) -> list[StoredVerdict]:
    async with data.reading(workspace) as connection:
        return await verdict_repository.all_verdicts(connection, workspace)


@pytest.fixture
def feedback(data: Database) -> Feedback:
    return Feedback(data)


async def test_a_verdict_is_stored_though_nobody_knows_the_anomalies(
    data: Database, feedback: Feedback, workspace: str
) -> None:
    await feedback.record(workspace, [said("e1", solved=True)])
    assert await of_anomaly(data, workspace) == [StoredVerdict("n", "a", "ada", True, True, DAY)]


async def test_a_users_latest_verdict_on_a_pair_counts(
    data: Database, feedback: Feedback, workspace: str
) -> None:
    first = [said("e1", useful=False), said("e2", user="bob"), said("e3", case="b")]
    await feedback.record(workspace, first)
    await feedback.record(workspace, [said("e4", at=hour(2)), said("e5", at=hour(1), solved=False)])
    found = await of_anomaly(data, workspace)
    assert [(v.similar_anomaly_id, v.user_name, v.useful, v.recorded_at) for v in found] == [
        ("a", "bob", True, DAY),
        ("b", "ada", True, DAY),
        ("a", "ada", True, hour(2)),
    ]


async def test_verdicts_are_found_by_anomaly_and_by_case(
    data: Database, feedback: Feedback, workspace: str
) -> None:
    told = [said("e1"), said("e2", "m", "a"), said("e3", "m", "b"), said("e4", "a", "n")]
    await feedback.record(workspace, told)
    assert len(await of_anomaly(data, workspace, "m")) == 2
    async with data.reading(workspace) as connection:
        found = await verdict_repository.on_cases(connection, workspace, ["a", "a", "x"])
    assert {(v.anomaly_id, v.similar_anomaly_id) for v in found} == {("n", "a"), ("m", "a")}
    assert len(await everything(data, workspace)) == 4
    assert await everything(data, f"{workspace}-2") == []


events = st.lists(
    st.builds(
        lambda anomaly, case, user, useful, solved, n: (
            lambda event_id: said(
                event_id, anomaly, case, user=user, useful=useful, solved=solved, at=hour(n)
            )
        ),
        st.sampled_from(["n1", "n2"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["ada", "bob"]),
        st.booleans(),
        st.none() | st.booleans(),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=6,
).map(lambda made: [each(f"e{n}") for n, each in enumerate(made)])


@given(told=events, arriving=st.data())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_the_order_of_arrival_and_repetitions_change_nothing(
    data: Database, feedback: Feedback, workspace: str, told: list[Given], arriving: st.DataObject
) -> None:
    outcomes = []
    again = arriving.draw(st.lists(st.sampled_from(told), max_size=3))
    shuffled = arriving.draw(st.permutations([*told, *again]))
    cut = arriving.draw(st.integers(0, len(shuffled)))
    for order in ([told], [shuffled[:cut], shuffled[cut:]]):
        async with data.transaction(workspace) as connection:
            await connection.execute(delete(verdicts).where(verdicts.c.workspace == workspace))
        for batch in order:
            await feedback.record(workspace, batch)
        found = await everything(data, workspace)
        outcomes.append((left_out(found), set(trials(found)), set(pairs(found))))
    assert outcomes[0] == outcomes[1]


async def test_the_verdicts_of_a_deleted_anomaly_go_with_it_and_never_come_back(
    data: Database, feedback: Feedback, workspace: str
) -> None:
    records = Records(data)
    await records.put(workspace, [("n", LEAK), ("a", LEAK)])
    told = [said("e1"), said("e2", "m", "n"), said("e3", "m", "b")]
    await feedback.record(workspace, told)
    assert await records.delete(workspace, "n")
    for _ in range(2):
        await feedback.record(workspace, told)  # delivered again
        assert [v.similar_anomaly_id for v in await everything(data, workspace)] == ["b"]
        await records.put(workspace, [("n", LEAK)])
    later = datetime.now(UTC)
    await feedback.record(workspace, [said("e4", at=later)])
    assert await of_anomaly(data, workspace) == [StoredVerdict("n", "a", "ada", True, None, later)]


async def test_a_cleanup_takes_what_was_said_before_it_though_it_arrives_later(
    data: Database, feedback: Feedback, workspace: str
) -> None:
    records = Records(data)
    await feedback.record(workspace, [said("e1"), said("e2", "n", "b", at=hour(2))])
    for until in (hour(1), DAY):  # the earlier one comes late
        await records.clean(workspace, until)
    await feedback.record(workspace, [said("e1"), said("e3", "n", "c", at=hour(1))])
    assert [v.similar_anomaly_id for v in await everything(data, workspace)] == ["b"]


async def test_many_workers_record_the_same_verdicts_once(data: Database, workspace: str) -> None:
    told = [said(f"e{n}", case=f"c{n}", task="t1") for n in range(50)]
    before = counted("true", "unknown")
    await asyncio.gather(*(Feedback(data).record(workspace, told) for _ in range(4)))
    assert len(await everything(data, workspace)) == 50
    assert counted("true", "unknown") == before + 50


def counted(useful: str, rank: str) -> float:
    labels = {"useful": useful, "rank": rank}
    return REGISTRY.get_sample_value("akin_similarity_verdicts_total", labels) or 0


async def answered(data: Database, workspace: str, task: str, result: str) -> None:
    """Store an answer as the worker does."""
    now = datetime.now(UTC)
    asked = Asked(
        task_result_id=task,
        user_name="DefaultUser",
        anomaly_id="a",
        question="{}",
        requested_at=now,
    )
    async with data.transaction(workspace) as connection:
        await requests_repository.insert(connection, workspace, [asked])
        outcome = requests_repository.Outcome(task, "done", result)
        await requests_repository.finish(connection, workspace, [outcome], now)


async def test_verdicts_are_counted_by_where_the_answer_had_shown_the_case(
    data: Database, workspace: str
) -> None:
    shown = [{"anomaly_id": f"c{n}"} for n in range(7)]
    result = json.dumps({"search_results": [{"anomalies": shown}]})
    await answered(data, workspace, "t1", result)
    feedback = Feedback(data)
    places = [("true", "1"), ("false", "2-5"), ("true", "beyond"), ("true", "unknown")]
    before = [counted(*place) for place in places]
    told = [
        said("e1", case="c0", task="t1"),
        said("e2", case="c4", task="t1", useful=False),
        said("e3", case="c6", task="t1"),
        said("e4", case="c0", task="other"),
        said("e5", case="elsewhere", task="t1"),
        said("e6", case="c0"),
    ]
    for _ in range(2):
        await feedback.record(workspace, told)
    grown = [counted(*place) - was for place, was in zip(places, before, strict=True)]
    assert grown == [1, 1, 1, 3]


async def test_a_verdict_is_kept_though_the_answer_cannot_be_looked_up(
    data: Database, workspace: str
) -> None:
    await answered(data, workspace, "t1", "{")
    feedback = Feedback(data)
    with pytest.raises(ValueError, match="unexpected end"):
        await feedback.record(workspace, [said("e1", task="t1")])
    await feedback.record(workspace, [said("e1", task="t1")])  # the consumer tries again
    assert len(await everything(data, workspace)) == 1
