"""The records of anomalies: /anomalies."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.http.stage import Api, Platform, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

FULL = {
    "description": "Bucket won't open\nsince this morning",
    "severity": "high",
    "timestamp": "2004-07-01T08:00:00+02:00",
    "recommended_product": "valve-3",
    "user_names": ["bob", "ada", "bob"],
    "component_ids": ["hose", "bucket"],
    "solution": "Replaced the cylinder",
    "outcome": "solved",
    "attributes": {"asset": "A", "cost": 183.05, "hours": 4, "urgent": True},
}
STORED = FULL | {
    "anomaly_id": "wo-1",
    "timestamp": "2004-07-01T06:00:00Z",
    "user_names": ["ada", "bob"],
    "component_ids": ["bucket", "hose"],
}


async def ids(api: Api, **query: Any) -> list[str]:
    answer = await api.get("/anomalies", params=query)
    assert answer.status_code == 200, answer.text
    return [each["anomaly_id"] for each in answer.json()["anomalies"]]


async def post(api: Api, *anomalies: dict[str, Any]) -> dict[str, Any]:
    answer = await api.post("/anomalies", json={"anomalies": list(anomalies)})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def anomaly(anomaly_id: str, description: str = "Leaks", **more: Any) -> dict[str, Any]:
    return {"anomaly_id": anomaly_id, "description": description, **more}


async def test_an_anomaly_is_put_read_replaced_and_deleted(api: Api) -> None:
    put = await api.put("/anomalies/wo-1", json=FULL)
    assert put.status_code == 200, put.text
    assert put.json() == STORED
    assert (await api.get("/anomalies/wo-1")).json() == STORED | {"detection": None}

    emptied = (await api.put("/anomalies/wo-1", json={"description": "Leaks"})).json()
    assert emptied == {
        "anomaly_id": "wo-1",
        "description": "Leaks",
        "severity": None,
        "timestamp": "2004-07-01T06:00:00Z",
        "recommended_product": None,
        "user_names": [],
        "component_ids": [],
        "solution": None,
        "outcome": "open",
        "attributes": {},
    }
    gone = await api.delete("/anomalies/wo-1")
    assert (gone.status_code, gone.content) == (204, b"")
    for answer in (await api.get("/anomalies/wo-1"), await api.delete("/anomalies/wo-1")):
        assert answer.status_code == 404
        error = answer.json()["error"]
        assert (error["code"], error["message"]) == (
            "anomaly_not_found",
            "Anomaly 'wo-1' does not exist.",
        )
    assert (await api.get("/anomalies")).json() == {"anomalies": [], "cursor": None}


async def test_a_deleted_anomaly_that_comes_again_is_new(api: Api) -> None:
    await api.put("/anomalies/wo-1", json=FULL)
    await api.delete("/anomalies/wo-1")
    assert (await post(api, anomaly("wo-1")))["added"] == 1
    again = (await api.get("/anomalies/wo-1")).json()
    assert (again["solution"], again["attributes"], again["component_ids"]) == (None, {}, [])


async def test_posting_again_changes_nothing_and_counts_what_differs(api: Api) -> None:
    two = [anomaly("a", attributes={"n": 1}), anomaly("b", component_ids=["pump"])]
    assert await post(api, *two) == {
        "added": 2,
        "updated": 0,
        "unchanged": 0,
        "anomaly_ids": ["a", "b"],
    }
    assert (await post(api, *two))["unchanged"] == 2
    # A number is not a truth value, though Python takes 1 and True for equal.
    two[0]["attributes"] = {"n": True}
    told = await post(api, *two, anomaly("c"))
    assert (told["added"], told["updated"], told["unchanged"]) == (1, 1, 1)
    assert (await api.get("/anomalies/a")).json()["attributes"] == {"n": True}


async def test_one_anomaly_alone_gets_an_id_and_the_time_of_now(api: Api) -> None:
    answer = await api.post("/anomalies", json={"description": "Leaks"})
    (made,) = answer.json()["anomaly_ids"]
    stored = (await api.get(f"/anomalies/{made}")).json()
    assert stored["description"] == "Leaks"
    again = (await api.put(f"/anomalies/{made}", json={"description": "Leaks"})).json()
    assert again["timestamp"] == stored["timestamp"]  # it has one already


async def test_a_thousand_anomalies_are_taken_at_once_and_no_more(api: Api) -> None:
    many = [anomaly(f"a{n:04}") for n in range(1_001)]
    refused = await api.post("/anomalies", json={"anomalies": many})
    assert refused.status_code == 422
    assert (await post(api, *many[:1000]))["added"] == 1_000
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await api.get("/anomalies", params={"limit": 100} | cursor)).json()
        found += [each["anomaly_id"] for each in page["anomalies"]]
        if page["cursor"] is None:
            break
        cursor = {"cursor": page["cursor"]}
    assert found == sorted((each["anomaly_id"] for each in many[:1000]), reverse=True)


async def test_the_newest_come_first_and_filters_narrow_the_list(api: Api) -> None:
    await post(
        api,
        anomaly("old", severity="high", timestamp="2004-01-01T00:00:00Z", component_ids=["pump"]),
        anomaly("new", severity="low", timestamp="2006-01-01T00:00:00Z", component_ids=["pump"]),
        anomaly(
            "mid",
            severity="high",
            timestamp="2005-01-01T00:00:00Z",
            recommended_product="valve",
        ),
    )
    assert await ids(api) == ["new", "mid", "old"]
    assert await ids(api, severity="high") == ["mid", "old"]
    assert await ids(api, component="pump") == ["new", "old"]
    assert await ids(api, component="pump", severity="high") == ["old"]
    assert await ids(api, product="valve") == ["mid"]
    assert await ids(api, **{"from": "2005-01-01T00:00:00Z"}) == ["new", "mid"]
    assert await ids(api, to="2005-01-01T00:00:00Z") == ["old"]
    assert await ids(api, **{"from": 1104537600, "to": "2005-01-01T01:00:01+01:00"}) == ["mid"]


async def test_text_is_found_whatever_its_case_accents_and_order(api: Api) -> None:
    await post(
        api,
        anomaly("fr", "Fuite d'huile, VÉRIN gauche cassé"),
        anomaly("de", "Schlauch geplatzt, STRASSE gesperrt", solution="Weiße Dichtung"),
        anomaly("100%_sure", "Bucket won't open"),
    )
    assert await ids(api, q="verin") == await ids(api, q="CASSÉ  fuite") == ["fr"]
    assert await ids(api, q="straße") == await ids(api, q="weisse dichtung") == ["de"]
    assert await ids(api, q="verin bucket") == []
    assert await ids(api, q="%") == await ids(api, q="0%_s") == ["100%_sure"]
    assert await ids(api, q="\\") == await ids(api, q='"') == []
    assert len(await ids(api, q=" ")) == 3


async def test_components_and_people_that_are_named_exist_from_then_on(api: Api) -> None:
    await api.put("/components/bucket", json={"name": "The bucket"})
    await api.put("/anomalies/wo-1", json=FULL)
    bare = {"name": None, "location": None, "status": None, "component_type": None}
    assert (await api.get("/components")).json()["components"] == [
        {**bare, "component_id": "bucket", "name": "The bucket"},
        {**bare, "component_id": "hose"},
    ]
    people = (await api.get("/profiles")).json()["profiles"]
    assert [each["user_name"] for each in people] == ["ada", "bob"]


async def test_what_is_deleted_is_named_no_more(api: Api) -> None:
    await api.put("/anomalies/wo-1", json=FULL)
    assert (await api.delete("/components/hose")).status_code == 204
    assert (await api.delete("/profiles/ada")).status_code == 204
    stored = (await api.get("/anomalies/wo-1")).json()
    assert (stored["component_ids"], stored["user_names"]) == (["bucket"], ["bob"])
    assert await ids(api, component="hose") == []


@pytest.mark.parametrize("name", ["a/b", " ", "%2F", "ünï→☃", "a?b#c", "import"])
async def test_ids_may_hold_any_printable_characters(api: Api, name: str) -> None:
    path = f"/anomalies/{quote(name, safe='')}"
    assert (await api.put(path, json={"description": "Leaks"})).json()["anomaly_id"] == name
    assert (await api.get(path)).json()["description"] == "Leaks"
    assert await ids(api) == [name]
    assert (await api.delete(path)).status_code == 204


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"description": ""}, "description"),
        ({"description": " \n"}, "description"),
        ({"description": "x" * 10_001}, "description"),
        ({"description": "a\x00b"}, "description"),
        ({"description": "a\x1bb"}, "description"),
        ({"timestamp": "2004-02-30T00:00:00Z"}, "timestamp"),
        ({"timestamp": "2004-02-20"}, "timestamp"),
        ({"outcome": "perhaps"}, "outcome"),
        ({"colour": "red"}, "colour"),
        ({"attributes": {"": "x"}}, "attributes"),
        ({"attributes": {"n": 10**400}}, "attributes"),
        ({"attributes": {"n": [1]}}, "attributes"),
        ({"component_ids": [""]}, "component_ids"),
        ({"severity": ""}, "severity"),
    ],
)
async def test_what_does_not_fit_is_named_and_nothing_changes(
    api: Api, wrong: dict[str, Any], field: str
) -> None:
    one = anomaly("a") | wrong
    answer = await api.post("/anomalies", json={"anomalies": [anomaly("b"), one]})
    assert answer.status_code == 422
    details = answer.json()["error"]["details"]
    assert {detail["field"].split(".")[3] for detail in details} == {field}
    assert {detail["index"] for detail in details} == {1}
    assert await ids(api) == []


async def test_an_id_that_stands_twice_refuses_the_batch(api: Api) -> None:
    twice = {"anomalies": [anomaly("a"), anomaly("b"), anomaly("a")]}
    answer = await api.post("/anomalies", json=twice)
    assert answer.status_code == 422
    assert "repeated at 2" in answer.json()["error"]["details"][0]["message"]
    assert await ids(api) == []


@pytest.mark.parametrize("cursor", ["x", "", "WyJhIl0=", "W10=", "ü", "MQ==MQ==", "WzEsMl0="])
async def test_a_cursor_that_is_not_ours_is_refused(api: Api, cursor: str) -> None:
    answer = await api.get("/anomalies", params={"cursor": cursor})
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["field"] == "query.cursor"


async def test_reading_and_writing_need_their_scopes(platform: Platform, api: Api) -> None:
    async with platform.client(api.workspace, "anomalies:read") as reader:
        assert (await reader.get("/anomalies")).status_code == 200
        assert (await reader.put("/anomalies/a", json=FULL)).status_code == 403
    async with platform.client(api.workspace, "anomalies:write") as writer:
        assert (await writer.put("/anomalies/a", json=FULL)).status_code == 200
        assert (await writer.get("/anomalies")).status_code == 403


async def test_a_cleanup_empties_the_records_too(api: Api, platform: Platform) -> None:
    await api.put("/anomalies/wo-1", json=FULL)
    async with platform.client(f"{api.workspace}-2") as other:
        await other.put("/anomalies/wo-1", json=FULL)
        assert (await api.get("/cleanup")).status_code == 200

        async def is_empty() -> bool:
            paths = ("/anomalies", "/components", "/profiles")
            pages = [(await api.get(path)).json() for path in paths]
            return not any(page[path[1:]] for path, page in zip(paths, pages, strict=True))

        await until(is_empty)
        assert await ids(other) == ["wo-1"]
        await platform.forget(other.workspace)
    await api.put("/anomalies/wo-1", json=FULL)
    assert (await api.get("/anomalies/wo-1")).json() == STORED | {"detection": None}
