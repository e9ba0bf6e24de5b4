"""Questions for similar anomalies: /similarities, from the request to the answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.http.stage import Api, Platform

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
    first = next(each for each in found["anomalies"] if each["anomaly_id"] == "wo-1")
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
