"""Rules: written, read, refused, and seen by every replica."""

from __future__ import annotations

from typing import Any

import pytest

from services.recommendations import controls
from services.recommendations.app import service as recommendations
from services.recommendations.repository import catalogue_state
from services.web.application import create_app
from tests.integration.http.stage import Api, Platform, running

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOOST = {"filter": 'genres has "Comedy" and year >= 1990', "effect": "boost", "strength": 0.5}
PIN = {"filter": 'item_id = "heat"', "effect": "pin", "position": 1}
EMPTY = {"strength": None, "percent": None, "position": None, "from": None, "until": None}


def shown(body: dict[str, Any]) -> dict[str, Any]:
    """Return a rule as answers have it."""
    return EMPTY | {"enabled": True} | body


async def test_a_rule_is_put_read_listed_replaced_and_deleted(api: Api) -> None:
    put = await api.put("/rules/summer", json=BOOST)
    assert put.status_code == 200, put.text
    stored = shown(BOOST) | {"name": "summer", "problem": None}
    assert put.json() == stored | {"previous": None}
    assert (await api.get("/rules/summer")).json() == stored

    again = await api.put("/rules/summer", json=PIN)
    assert again.json()["previous"] == shown(BOOST)
    await api.put("/rules/a first/one", json=BOOST)
    listed = (await api.get("/rules")).json()["rules"]
    assert [(rule["name"], rule["effect"]) for rule in listed] == [
        ("a first/one", "boost"),
        ("summer", "pin"),
    ]
    gone = await api.delete("/rules/summer")
    assert (gone.status_code, gone.json()) == (200, shown(PIN))
    for answer in (await api.get("/rules/summer"), await api.delete("/rules/summer")):
        assert answer.status_code == 404
        error = answer.json()["error"]
        assert (error["code"], error["message"]) == (
            "rule_not_found",
            "Rule 'summer' does not exist.",
        )


async def test_what_a_change_returns_can_be_put_to_undo_it(api: Api) -> None:
    await api.put("/rules/r", json=BOOST | {"from": "2026-01-01T01:00:00+01:00", "until": 2e9})
    before = (await api.get("/rules/r")).json()
    assert before["from"] == "2026-01-01T00:00:00Z"
    replaced = (await api.put("/rules/r", json=PIN)).json()["previous"]
    assert (await api.put("/rules/r", json=replaced)).status_code == 200
    assert (await api.get("/rules/r")).json() == before
    deleted = (await api.delete("/rules/r")).json()
    assert (await api.put("/rules/r", json=deleted)).status_code == 200
    assert (await api.get("/rules/r")).json() == before


async def test_every_wrong_field_is_named_and_a_filter_says_where(api: Api) -> None:
    body = {"filter": "yaer > 5", "effect": "hide", "percent": -1, "from": "soon", "colour": 1}
    answer = await api.put("/rules/r", json=body)
    assert answer.status_code == 422
    details = {each["field"]: each["message"] for each in answer.json()["error"]["details"]}
    assert details.keys() == {
        "body.filter",
        "body.effect",
        "body.percent",
        "body.from",
        "body.colour",
    }
    assert details["body.filter"].startswith("unknown field 'yaer'; known: item_id, title,")
    assert details["body.filter"].endswith("(at position 0)")
    assert (await api.get("/rules")).json() == {"rules": []}
    for content in (b'{"filter": "hidden", "effect": "boost", "strength": NaN}', b"[]", b"{"):
        wrong = await api.put(
            "/rules/r", content=content, headers={"content-type": "application/json"}
        )
        assert wrong.status_code == 422
    assert (await api.put("/rules/" + "x" * 201, json=BOOST)).status_code == 422


async def test_a_rule_belongs_to_its_workspace_and_needs_the_scope(
    api: Api, platform: Platform
) -> None:
    await api.put("/rules/mine", json=BOOST)
    async with platform.client(f"{api.workspace}-other") as other:
        assert (await other.get("/rules")).json() == {"rules": []}
        assert (await other.get("/rules/mine")).status_code == 404
        assert (await other.delete("/rules/mine")).status_code == 404
    async with platform.client(api.workspace, "recommendations:read") as reader:
        assert (await reader.get("/rules/mine")).status_code == 200
        assert (await reader.put("/rules/mine", json=PIN)).status_code == 403
        assert (await reader.delete("/rules/mine")).status_code == 403
    async with platform.client(api.workspace, "catalogue:write") as writer:
        assert (await writer.get("/rules/mine")).status_code == 403


async def test_no_more_rules_than_the_bound(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.recommendations.controlling.MOST", 1)
    await api.put("/rules/a", json=BOOST)
    assert (await api.put("/rules/a", json=PIN)).status_code == 200
    answer = await api.put("/rules/b", json=BOOST)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "too_many_rules"
    assert answer.json()["error"]["message"] == "There are 1 rules already: delete one first."


async def test_a_change_moves_the_catalogue_on_and_is_what_replicas_load(
    api: Api, platform: Platform
) -> None:
    database = platform.apps[-1].state.rules._database

    async def loaded() -> tuple[int, list[str]]:
        async with database.reading(api.workspace) as connection:
            state = await catalogue_state(connection, api.workspace)
            found = await controls.load(connection, api.workspace)
        return state.revision, [rule.name for rule in found.rules.rules]

    await api.put("/rules/b", json=BOOST)
    await api.put("/rules/a", json=PIN)
    assert await loaded() == (2, ["a", "b"])
    await api.delete("/rules/b")
    assert await loaded() == (3, ["a"])
    await api.put("/rules/b", json={"filter": "oops", "effect": "boost"})  # refused
    assert await loaded() == (3, ["a"])


async def test_a_rule_of_another_release_is_shown_with_its_problem(
    api: Api, platform: Platform
) -> None:
    editor = platform.apps[-1].state.rules
    await editor.put(api.workspace, "old", BOOST | {"filter": "colour = 5", "weight": 3})
    rule = (await api.get("/rules/old")).json()
    assert rule["filter"] == "colour = 5"
    assert rule["problem"].startswith("filter: unknown field 'colour'")
    assert (await api.get("/rules")).json() == {"rules": [rule]}
    assert await api.recs("ada") == []  # lists are served all the same
    assert (await api.delete("/rules/old")).status_code == 200


FILMS = {f"film{n}": ["Odd" if n % 2 else "Even"] for n in range(40)}


async def test_a_filter_gives_as_many_as_match_up_to_the_limit(api: Api) -> None:
    await api.items(**FILMS)
    for n in range(12):
        labels = {"year": str(1990 + n)}
        await api.put(f"/items/film{n}", json={"genres": FILMS[f"film{n}"], "labels": labels})
    matching = {f"film{n}" for n in range(12)}
    for limit in (12, 40):
        assert set(await api.recs("ada", filter="year >= 1990", limit=limit)) == matching
    odd = await api.recs("bob", filter='year < 1999 and genres has "odd"', limit=3)
    assert len(odd) == 3
    assert set(odd) <= {"film1", "film3", "film5", "film7"}
    assert await api.recs("bob", filter="year = 1") == []
    assert "film0" not in await api.recs("bob", filter="year >= 1990", exclude="film0", limit=40)
    await api.put("/items/film1", json={"labels": {"year": "1991"}, "hidden": True})
    assert "film1" not in await api.recs("bob", filter="year >= 1990 or hidden", limit=40)


async def test_a_filter_that_does_not_parse_is_refused_with_its_position(api: Api) -> None:
    answer = await api.get("/recs/ada", params={"filter": "year >= 1990 adn hidden"})
    assert answer.status_code == 422
    (detail,) = answer.json()["error"]["details"]
    assert detail["field"] == "query.filter"
    assert detail["message"] == "expected and, or, or the end, found 'adn' (at position 13)"


async def test_a_pinned_item_is_at_its_place_once_for_each_user(api: Api) -> None:
    await api.items(**FILMS)
    await api.put("/rules/r", json={"filter": 'item_id = "film7"', "effect": "pin", "position": 2})
    first = (await api.get("/recs/ada", params={"limit": 5})).json()["items"]
    assert (first[1]["item_id"], first[1]["source"]) == ("film7", "rule")
    assert len({each["item_id"] for each in first}) == 5
    assert "film7" not in await api.recs("ada", limit=5)  # it was shown
    assert (await api.recs("bob", limit=5))[1] == "film7"
    assert "film7" not in await api.recs("eve", limit=5, exclude="film7")
    assert "film7" not in await api.recs("eve", limit=5, genre="even")
    await api.delete("/rules/r")
    sources = {each["source"] for each in (await api.get("/recs/dan")).json()["items"]}
    assert "rule" not in sources


async def test_a_share_of_the_list_is_pinned_and_never_what_was_disliked(api: Api) -> None:
    await api.items(**FILMS)
    await api.react("ada", film1="dislike")
    pin = {"filter": 'item_id in ["film1", "film3"]', "effect": "pin", "percent": 50}
    await api.put("/rules/r", json=pin)
    items = (await api.get("/recs/ada", params={"limit": 10})).json()["items"]
    assert [each["item_id"] for each in items if each["source"] == "rule"] == ["film3"]
    assert "film1" not in {each["item_id"] for each in items}


async def test_what_is_buried_comes_last_and_is_not_removed(api: Api) -> None:
    await api.items(**FILMS)
    await api.put("/rules/r", json={"filter": 'genres has "Odd"', "effect": "bury"})
    for user in ("ada", "bob"):
        everything = await api.recs(user, limit=40)
        assert [int(i.removeprefix("film")) % 2 for i in everything] == [0] * 20 + [1] * 20
    await api.put("/rules/r", json={"filter": 'genres has "Odd"', "effect": "bury", "until": 1})
    assert any(int(i.removeprefix("film")) % 2 for i in await api.recs("eve", limit=20))


async def test_what_is_boosted_comes_first_in_lists_for_nobody_in_particular(api: Api) -> None:
    await api.items(**FILMS)
    boost = {"filter": 'item_id = "film7"', "effect": "boost", "strength": 10}
    await api.put("/rules/r", json=boost)
    shown = [await api.recs(user, limit=10) for user in ("ada", "bob", "eve")]
    assert all("film7" in each for each in shown)


@pytest.mark.parametrize("settings", ["full"], indirect=True, scope="session")
async def test_a_rule_holds_on_every_replica_from_the_next_list_on(
    api: Api, platform: Platform
) -> None:
    await api.items(**FILMS)
    app = create_app(recommendations, settings=platform.settings)
    async with running(app), platform.client(api.workspace, app=app) as replica:
        assert len(await replica.recs("ada", limit=5)) == 5  # it holds the workspace now
        for n, client in enumerate((api, replica, api)):
            pin = {"filter": f'item_id = "film{n}"', "effect": "pin", "position": 1}
            await client.put("/rules/r", json=pin)
            for other in (api, replica):
                assert (await other.recs(f"{n}-{id(other)}", limit=5))[0] == f"film{n}"
        await api.delete("/rules/r")
        items = (await replica.get("/recs/bob")).json()["items"]
        assert "rule" not in {each["source"] for each in items}
