"""Scenarios: written, read, refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.http.stage import Api, Platform

pytestmark = pytest.mark.asyncio(loop_scope="session")

DISCOVERY = {"limit": 20, "filter": "year >= 1990", "diversity": 0.3, "exploration": 0.2}
EMPTY = dict.fromkeys(
    ["limit", "genre", "filter", "exclude", "diversity", "exploration", "explain"]
)


async def test_a_scenario_is_put_read_listed_replaced_and_deleted(api: Api) -> None:
    put = await api.put("/scenarios/discovery", json=DISCOVERY)
    assert put.status_code == 200, put.text
    stored = EMPTY | DISCOVERY | {"name": "discovery", "problem": None}
    assert put.json() == stored | {"previous": None}
    assert (await api.get("/scenarios/discovery")).json() == stored

    other = {"genre": "Comedy", "exclude": ["heat"], "explain": False}
    again = await api.put("/scenarios/discovery", json=other)
    assert again.json()["previous"] == EMPTY | DISCOVERY
    await api.put("/scenarios/all", json={})
    listed = (await api.get("/scenarios")).json()["scenarios"]
    assert [(each["name"], each["genre"]) for each in listed] == [
        ("all", None),
        ("discovery", "Comedy"),
    ]
    gone = await api.delete("/scenarios/discovery")
    assert (gone.status_code, gone.json()) == (200, EMPTY | other)
    assert (await api.put("/scenarios/discovery", json=gone.json())).status_code == 200
    await api.delete("/scenarios/discovery")
    for answer in (await api.get("/scenarios/discovery"), await api.delete("/scenarios/discovery")):
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "scenario_not_found"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"limit": 0}, "body.limit"),
        ({"limit": 101}, "body.limit"),
        ({"filter": "genres has Comedy"}, "body.filter"),
        ({"diversity": 2}, "body.diversity"),
        ({"exploration": -1}, "body.exploration"),
        ({"exclude": []}, "body.exclude"),
        ({"scenario": "other"}, "body.scenario"),
    ],
)
async def test_a_scenario_that_does_not_fit_is_refused(
    api: Api, body: dict[str, Any], field: str
) -> None:
    answer = await api.put("/scenarios/wrong", json=body)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["error"]["details"]] == [field]
    assert (await api.get("/scenarios/wrong")).status_code == 404


async def test_a_scenario_belongs_to_its_workspace_and_needs_the_scope(
    api: Api, platform: Platform
) -> None:
    await api.put("/scenarios/mine", json=DISCOVERY)
    async with platform.client(f"{api.workspace}-other") as other:
        assert (await other.get("/scenarios")).json() == {"scenarios": []}
        assert (await other.get("/scenarios/mine")).status_code == 404
    async with platform.client(api.workspace, "recommendations:read") as reader:
        assert (await reader.get("/scenarios/mine")).status_code == 200
        assert (await reader.put("/scenarios/mine", json={})).status_code == 403
        assert (await reader.delete("/scenarios/mine")).status_code == 403


async def test_a_scenario_that_an_experiment_uses_is_kept_until_it_ends(api: Api) -> None:
    await api.put("/scenarios/discovery", json=DISCOVERY)
    arms = [{"name": "a", "share": 50}, {"name": "b", "share": 50, "scenario": "discovery"}]
    started = await api.put("/experiments/e", json={"variants": arms})
    assert started.status_code == 200, started.text
    kept = await api.delete("/scenarios/discovery")
    assert (kept.status_code, kept.json()["error"]["code"]) == (409, "scenario_in_use")
    await api.delete("/experiments/e")
    assert (await api.delete("/scenarios/discovery")).status_code == 200


FILMS = {f"film{n}": ["Odd" if n % 2 else "Even"] for n in range(40)}


async def test_a_list_takes_what_its_scenario_says_but_for_what_is_asked_for(api: Api) -> None:
    await api.items(**FILMS)
    few = {"limit": 3, "filter": 'genres has "Odd"', "exclude": ["film1"]}
    await api.put("/scenarios/few", json=few)
    odd = {item_id for item_id, genres in FILMS.items() if genres == ["Odd"]} - {"film1"}

    listed = await api.recs("ada", scenario="few")
    assert len(listed) == 3
    assert set(listed) <= odd
    assert set(await api.recs("bob", scenario="few", limit=40)) == odd
    even = set(await api.recs("bob", scenario="few", filter='genres has "Even"', limit=40))
    assert even == FILMS.keys() - odd - {"film1"}


async def test_an_unknown_scenario_is_refused_with_the_names_of_those_there_are(api: Api) -> None:
    await api.items(a=["X"])
    await api.put("/scenarios/quiet", json={})
    await api.put("/scenarios/discovery", json=DISCOVERY)
    answer = await api.get("/recs/ada", params={"scenario": "loud"})
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "unknown_scenario"
    (detail,) = error["details"]
    assert detail["field"] == "query.scenario"
    assert detail["message"] == "unknown scenario 'loud'; known: discovery, quiet"

    answer = await api.post("/recs/batch", json={"user_ids": ["ada"], "scenario": "loud"})
    (detail,) = answer.json()["error"]["details"]
    assert (answer.status_code, detail["field"]) == (422, "body.scenario")
