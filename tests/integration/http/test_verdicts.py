"""POST /verdicts: what operators say of similar cases, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from services import database
from services.anomaly_similarity import verdict_repository
from services.anomaly_similarity.verdict_repository import StoredVerdict
from services.anomaly_similarity.verdicts import left_out, trials
from tests.integration.http.stage import Api, Platform, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


def verdict(**changes: Any) -> dict[str, Any]:
    told = {"anomaly_id": "n", "similar_anomaly_id": "a", "user_name": "ada", "useful": True}
    return told | changes


async def stored(api: Api, platform: Platform) -> list[StoredVerdict]:
    async with (
        database.connect(platform.settings.database) as connected,
        connected.reading(api.workspace) as connection,
    ):
        return await verdict_repository.of_anomaly(connection, api.workspace, "n")


async def has(api: Api, platform: Platform, count: int) -> bool:
    return len(await stored(api, platform)) == count


async def test_a_verdict_is_accepted_and_changes_what_is_shown_and_what_was_tried(
    api: Api, platform: Platform
) -> None:
    first = verdict(useful=False, task_result_id="t1")
    answer = await api.post("/verdicts", json=first)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert told["accepted"] == 1
    assert len(told["event_ids"][0]) == 32
    await api.post("/verdicts", json=verdict(similar_anomaly_id="b", solved=True))
    await until(lambda: has(api, platform, 2))
    found = await stored(api, platform)
    assert left_out(found) == {"a"}
    assert [(trial.case_id, trial.solved) for trial in trials(found)] == [("b", True)]
    await api.post("/verdicts", json=verdict())

    async def shown_again() -> bool:
        return left_out(await stored(api, platform)) == set()

    await until(shown_again)


async def test_the_same_event_id_counts_once_and_its_first_word_holds(
    api: Api, platform: Platform
) -> None:
    for useful in (True, False):
        sent = verdict(event_id="e1", useful=useful)
        assert (await api.post("/verdicts", json=sent)).json()["event_ids"] == ["e1"]
    await api.post("/verdicts", json=verdict(similar_anomaly_id="b"))
    await until(lambda: has(api, platform, 2))
    assert {each.useful for each in await stored(api, platform)} == {True}


async def test_the_verdicts_on_a_deleted_anomaly_are_gone(api: Api, platform: Platform) -> None:
    await api.put("/anomalies/n", json={"description": "Leaks"})
    await api.post("/verdicts", json=verdict())
    await until(lambda: has(api, platform, 1))
    await api.delete("/anomalies/n")
    assert await stored(api, platform) == []


async def test_a_cleanup_takes_verdicts_too(api: Api, platform: Platform) -> None:
    await api.post("/verdicts", json=verdict())
    await until(lambda: has(api, platform, 1))
    assert (await api.get("/cleanup")).status_code == 200
    await until(lambda: has(api, platform, 0))
    await api.post("/verdicts", json=verdict())
    await until(lambda: has(api, platform, 1))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"similar_anomaly_id": "n"}, "similar_anomaly_id"),
        ({"anomaly_id": ""}, "anomaly_id"),
        ({"user_name": "x" * 201}, "user_name"),
        ({"user_name": None}, "user_name"),
        ({"useful": "yes"}, "useful"),
        ({"useful": 1}, "useful"),
        ({"solved": "no"}, "solved"),
        ({"task_result_id": "a\n"}, "task_result_id"),
        ({"event_id": ""}, "event_id"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_what_does_not_fit_is_named(api: Api, changes: dict[str, Any], field: str) -> None:
    answer = await api.post("/verdicts", json=verdict(**changes))
    assert answer.status_code == 422
    (detail,) = answer.json()["error"]["details"]
    assert detail["field"] == f"body.{field}"


async def test_verdicts_need_the_scope_of_events(api: Api, platform: Platform) -> None:
    async with platform.client(api.workspace, "anomalies:write", "anomalies:read") as client:
        assert (await client.post("/verdicts", json=verdict())).status_code == 403
    async with platform.client(api.workspace, "events:write") as client:
        assert (await client.post("/verdicts", json=verdict())).status_code == 200
