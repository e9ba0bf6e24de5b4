"""Questions for similar anomalies: /similarities, from the request to the answer."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import select

from services import database
from services.anomaly_similarity import requests_repository, waiting
from services.anomaly_similarity.answering import Answerer
from services.anomaly_similarity.requests_repository import Asked, Outcome
from services.anomaly_similarity.service import new_id
from services.anomaly_similarity.tables import similarity_requests
from services.anomaly_similarity.waiting import Waiting
from tests.integration.http.stage import Api, Platform, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAST = [
    {
        "anomaly_id": "wo-1",
        "description": "Bucket won't open",
        "severity": "high",
        "timestamp": "2004-01-01T00:00:00Z",
        "component_ids": ["bucket"],
        "user_names": ["bob"],
        "solution": "Replaced the cylinder",
        "outcome": "solved",
    },
    {
        "anomaly_id": "wo-2",
        "description": "Bucket does not open",
        "severity": "low",
        "timestamp": "2005-01-01T00:00:00Z",
        "solution": "Replaced cylinder",
        "outcome": "solved",
    },
    {
        "anomaly_id": "wo-3",
        "description": "Air conditioner blows hot",
        "timestamp": "2006-01-01T00:00:00Z",
        "solution": "Refilled the gas",
        "outcome": "not_solved",
    },
]
NEW = {"anomaly_id": "N99", "description": "bucket wont open", "timestamp": "2007-01-01T00:00:00Z"}


async def record(api: Api) -> None:
    answer = await api.post("/anomalies", json={"anomalies": [*PAST, NEW]})
    assert answer.status_code == 200, answer.text


async def ask(api: Api, anomaly_id: str = "N99", **more: Any) -> dict[str, str]:
    answer = await api.post("/similarities", json={"anomaly_id": anomaly_id, **more})
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


async def answered(api: Api, asked: dict[str, str]) -> dict[str, Any]:
    answer = await api.get("/similarities", params={**asked, "wait": 10})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_who_asks_gets_the_similar_cases_and_what_fixed_them(api: Api) -> None:
    await record(api)
    await api.put("/components/bucket", json={"name": "The bucket", "location": "front"})
    await api.put("/profiles/bob", json={"role": "mechanic"})
    asked = await ask(api, limit=2)
    assert asked["user_name"] == "DefaultUser"
    told = await answered(api, asked)

    assert told.keys() == {"status", "search_results", "abstained", "model_version", "computed_at"}
    assert (told["status"], told["abstained"]) == ("done", False)
    (found,) = told["search_results"]
    assert found["user_name"] == "DefaultUser"
    assert {each["anomaly_id"] for each in found["anomalies"]} == {"wo-1", "wo-2"}
    first = dict(next(each for each in found["anomalies"] if each["anomaly_id"] == "wo-1"))
    reasons, similarity = first.pop("reasons"), first.pop("similarity")
    assert first == {
        "anomaly_id": "wo-1",
        "description": "Bucket won't open",
        "severity": "high",
        "timestamp": "2004-01-01T00:00:00Z",
        "recommended_product": None,
        "user_names": [{"user_name": "bob", "role": "mechanic", "email": None}],
        "components": [
            {
                "component_id": "bucket",
                "name": "The bucket",
                "location": "front",
                "status": None,
                "component_type": None,
            }
        ],
        "solution": "Replaced the cylinder",
    }
    assert 0.5 < similarity <= 1
    assert {"field": "description", "term": "bucket"}.items() <= reasons[0].items()
    (solution,) = found["solutions"]
    assert (solution["tried"], solution["solved"]) == (2, 2)
    assert sorted(solution["from"]) == ["wo-1", "wo-2"]
    assert (await answered(api, asked)) == told  # it is stored


async def test_a_text_that_is_not_recorded_is_answered_at_once(api: Api) -> None:
    await record(api)
    body = {"description": "bucket wont open", "limit": 2, "component_ids": ["bucket"]}
    answer = await api.post("/similarities/search", json=body | {"attributes": {"urgent": True}})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["status"], told["abstained"]) == ("done", False)
    cases = told["search_results"][0]["anomalies"]
    assert {case["anomaly_id"] for case in cases} == {"N99", "wo-1"}


async def test_nonsense_is_like_nothing(api: Api) -> None:
    await record(api)
    answer = await api.post("/similarities/search", json={"description": "xqzvw jjkpp"})
    assert answer.json()["abstained"] is True


async def test_nothing_is_like_the_only_anomaly(api: Api) -> None:
    await api.put("/anomalies/N99", json={"description": "Leaks"})
    told = await answered(api, await ask(api))
    assert (told["status"], told["abstained"]) == ("done", True)
    assert told["search_results"] == [
        {"user_name": "DefaultUser", "anomalies": [], "solutions": []}
    ]
    empty = await api.delete("/anomalies/N99")
    assert empty.status_code == 204
    searched = (await api.post("/similarities/search", json={"description": "Leaks"})).json()
    assert searched["abstained"] is True


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"severity": "low"}, ["wo-2"]),
        ({"component": "bucket"}, ["wo-1"]),
        ({"product": "none"}, []),
        ({"from": "2005-01-01T00:00:00Z", "to": "2006-01-01T00:00:00Z"}, ["wo-2"]),
    ],
)
async def test_only_cases_that_the_filters_let_through_are_found(
    api: Api, filters: dict[str, str], found: list[str]
) -> None:
    await record(api)
    told = await answered(api, await ask(api, filters=filters))
    assert ids(told) == found
    body = {"description": "bucket wont open", "filters": filters}
    assert ids((await api.post("/similarities/search", json=body)).json()) == found


def ids(told: dict[str, Any]) -> list[str]:
    return [each["anomaly_id"] for each in told["search_results"][0]["anomalies"]]


async def test_what_was_recorded_before_the_request_is_found(api: Api) -> None:
    await record(api)
    await answered(api, await ask(api))
    twin = NEW | {"anomaly_id": "twin"}
    assert (await api.post("/anomalies", json=twin)).status_code == 200
    told = await answered(api, await ask(api))
    assert "twin" in ids(told)


async def test_an_unknown_anomaly_is_refused_at_once_and_leaves_nothing(
    api: Api, platform: Platform
) -> None:
    await record(api)
    for unknown in ("never-was", "wo-1"):
        await api.delete(f"/anomalies/{unknown}")
        answer = await api.post("/similarities", json={"anomaly_id": unknown})
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "anomaly_not_found"
    assert await rows(platform, api.workspace) == []


async def rows(platform: Platform, workspace: str) -> list[Any]:
    async with (
        database.connect(platform.settings.database) as opened,
        opened.reading(workspace) as connection,
    ):
        query = select(similarity_requests).where(similarity_requests.c.workspace == workspace)
        return list(await connection.execute(query))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"anomaly_id": ""},
        {"anomaly_id": "N99", "limit": 0},
        {"anomaly_id": "N99", "limit": 51},
        {"anomaly_id": "N99", "user_name": "x" * 201},
        {"anomaly_id": "N99", "filters": {"colour": "red"}},
        {"anomaly_id": "N99", "filters": {"from": "2005-02-30T00:00:00Z"}},
        {"anomaly_id": "N99", "callback_url": "ftp://example.org/"},
        {"anomaly_id": "N99", "callback_url": "https://example.org/" + "x" * 2_000},
        {"anomaly_id": "N99", "callback_url": "https://ada:secret@example.org/"},
        {"anomaly_id": "N99", "more": 1},
    ],
)
async def test_what_does_not_fit_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    await record(api)
    answer = await api.post("/similarities", json=wrong)
    assert answer.status_code == 422


async def test_a_callback_is_refused_where_nothing_can_be_signed(api: Api) -> None:
    await record(api)
    body = {"anomaly_id": "N99", "callback_url": "https://example.org/"}
    answer = await api.post("/similarities", json=body)
    assert answer.status_code == 422
    (detail,) = answer.json()["error"]["details"]
    assert detail["field"] == "body.callback_url"
    assert "WEBHOOK_SECRET is not set" in detail["message"]


@pytest.mark.parametrize(
    "wrong", [{"description": "  "}, {"description": "x" * 10_001}, {"description": "a\x07"}, {}]
)
async def test_a_search_for_nothing_readable_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    assert (await api.post("/similarities/search", json=wrong)).status_code == 422


async def test_a_request_is_for_its_user_and_its_workspace_alone(
    api: Api, platform: Platform
) -> None:
    await record(api)
    asked = await ask(api, user_name="ada")
    await answered(api, asked)
    async with platform.client(f"{api.workspace}-other") as stranger:
        for client, params in (
            (api, {"task_result_id": asked["task_result_id"]}),
            (api, asked | {"user_name": "bob"}),
            (api, {"task_result_id": "never-was", "user_name": "ada"}),
            (stranger, asked),
        ):
            for path in ("/similarities", "/similarities/events"):
                answer = await client.get(path, params=params)
                assert answer.status_code == 404, answer.text
                assert answer.json()["error"]["code"] == "request_not_found"


async def test_a_request_that_waits_says_so_and_when_to_come_back(
    api: Api, platform: Platform
) -> None:
    asked = await unanswered(platform, api.workspace)
    for wait in (0, 0.2):
        answer = await api.get("/similarities", params={**asked, "wait": wait})
        assert (answer.status_code, answer.json()) == (202, {"status": "pending"})
        assert int(answer.headers["retry-after"]) >= 1
    assert (await api.get("/similarities", params={**asked, "wait": 31})).status_code == 422


async def unanswered(platform: Platform, workspace: str) -> dict[str, str]:
    """Store a request that nobody is told to compute."""
    asked = Asked(
        task_result_id=new_id(),
        user_name="DefaultUser",
        anomaly_id="N99",
        question="{}",
        requested_at=datetime.now(UTC),
    )
    async with (
        database.connect(platform.settings.database) as opened,
        opened.transaction(workspace) as connection,
    ):
        await requests_repository.insert(connection, workspace, [asked])
    return {"task_result_id": asked.task_result_id, "user_name": asked.user_name}


async def fail(platform: Platform, workspace: str, asked: dict[str, str]) -> None:
    outcome = Outcome(asked["task_result_id"], "failed", '{"status":"failed","error":"No."}')
    async with (
        database.connect(platform.settings.database) as opened,
        opened.transaction(workspace) as connection,
    ):
        await requests_repository.finish(connection, workspace, [outcome], datetime.now(UTC))


async def test_many_wait_at_once_and_all_are_told_within_a_moment(
    api: Api, platform: Platform
) -> None:
    asked = await unanswered(platform, api.workspace)
    params = {**asked, "wait": 10}
    waiting = [asyncio.create_task(api.get("/similarities", params=params)) for _ in range(100)]
    await asyncio.sleep(0.3)
    assert not any(task.done() for task in waiting)
    assert (await api.get("/anomalies")).status_code == 200  # nobody else is held up
    await fail(platform, api.workspace, asked)
    began = monotonic()
    for answer in await asyncio.gather(*waiting):
        assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    assert monotonic() - began < 5


async def test_more_waiters_than_may_wait_are_told_to_come_back(
    api: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "MOST", 1)
    asked = await unanswered(platform, api.workspace)
    first = asyncio.create_task(api.get("/similarities", params={**asked, "wait": 10}))
    await asyncio.sleep(0.2)
    for path, params in (
        ("/similarities", {**asked, "wait": 10}),
        ("/similarities/events", asked),
    ):
        answer = await api.get(path, params=params)
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
    assert (await api.get("/similarities", params=asked)).status_code == 202  # who does not wait
    await fail(platform, api.workspace, asked)
    assert (await first).status_code == 200


async def test_an_anomaly_that_is_deleted_meanwhile_fails_the_request(
    api: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(api)
    answer = Answerer.answer

    async def late(self: Answerer, places: Any) -> None:
        await api.delete("/anomalies/N99")
        await answer(self, places)

    monkeypatch.setattr(Answerer, "answer", late)
    told = await answered(api, await ask(api))
    assert told == {"status": "failed", "error": "Anomaly 'N99' was deleted meanwhile."}


async def test_a_stream_says_at_once_that_it_waits_and_ends_with_the_answer(
    api: Api, platform: Platform
) -> None:
    await record(api)
    asked = await ask(api)
    streamed = await api.get("/similarities/events", params=asked)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    comment, event, rest = streamed.text.split("\n\n")
    assert (comment, rest) == (": waiting", "")
    name, identifier, data = event.split("\n")
    assert (name, identifier) == ("event: done", f"id: {asked['task_result_id']}")
    assert json.loads(data.removeprefix("data: ")) == await answered(api, asked)


async def test_a_stream_is_not_silent_while_it_waits(
    api: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "COMMENT_EVERY", 0.1)
    asked = await unanswered(platform, api.workspace)
    stream = asyncio.create_task(api.get("/similarities/events", params=asked))
    await asyncio.sleep(0.5)
    assert not stream.done()
    await fail(platform, api.workspace, asked)
    text = (await stream).text
    assert text.startswith(": waiting\n\n: still waiting\n\n")
    assert text.endswith('data: {"status":"failed","error":"No."}\n\n')
    assert "event: failed\n" in text


async def test_a_stream_that_nobody_reads_to_its_end_gives_its_place_back(
    platform: Platform, workspace: str
) -> None:
    async with database.connect(platform.settings.database) as opened:
        held = Waiting(opened)
        stream = held.stream((workspace, "any"), "ada")
        assert await anext(stream) == ": waiting\n\n"
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        assert held._count == 1
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert held._count == 0


async def test_a_cleanup_takes_requests_too(api: Api, platform: Platform) -> None:
    await record(api)
    asked = await ask(api)
    await answered(api, asked)
    await api.get("/cleanup")

    async def gone() -> bool:
        return (await api.get("/similarities", params=asked)).status_code == 404

    await until(gone)
    assert await rows(platform, api.workspace) == []
