"""The catalogue: /add_items and /items."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.integration.http.stage import Api

pytestmark = pytest.mark.asyncio(loop_scope="session")

FULL = {
    "title": "Heat (1995)",
    "genres": ["Action", "Crime"],
    "labels": {"year": "1995"},
    "published_at": "1995-12-15T08:00:00+02:00",
    "hidden": False,
}


async def test_adding_items_is_cumulative_and_idempotent(api: Api) -> None:
    first = {"item_ids": ["a", "b"], "genres": [["X"], []], "titles": ["A", "B"]}
    assert (await api.post("/add_items", json=first)).json() == {"added": 2, "updated": 0}
    assert (await api.post("/add_items", json=first)).json() == {"added": 0, "updated": 2}
    more = {"item_ids": ["b", "c"], "genres": [["Y"], ["Z"]]}
    assert (await api.post("/add_items", json=more)).json() == {"added": 1, "updated": 1}

    items = {item["item_id"]: item for item in (await api.get("/items")).json()["items"]}
    assert items.keys() == {"a", "b", "c"}
    assert (items["a"]["genres"], items["b"]["genres"]) == (["X"], ["Y"])
    assert (items["b"]["title"], items["c"]["title"]) == ("B", None)


async def test_an_item_is_put_read_replaced_and_deleted(api: Api) -> None:
    put = await api.put("/items/heat", json=FULL)
    assert put.status_code == 200
    stored = FULL | {"item_id": "heat", "published_at": "1995-12-15T06:00:00Z"}
    assert put.json() == stored == (await api.get("/items/heat")).json()

    emptied = (await api.put("/items/heat", json={})).json()
    assert emptied == {
        "item_id": "heat",
        "title": None,
        "genres": [],
        "labels": {},
        "published_at": None,
        "hidden": False,
    }
    gone = await api.delete("/items/heat")
    assert (gone.status_code, gone.content) == (204, b"")
    for answer in (await api.get("/items/heat"), await api.delete("/items/heat")):
        assert answer.status_code == 404
        error = answer.json()["error"]
        assert (error["code"], error["message"]) == (
            "item_not_found",
            "Item 'heat' does not exist.",
        )
    assert (await api.get("/items")).json() == {"items": [], "cursor": None}


async def test_a_deleted_item_that_is_added_again_is_new(api: Api) -> None:
    await api.put("/items/heat", json=FULL)
    await api.delete("/items/heat")
    body = {"item_ids": ["heat"], "genres": [["Drama"]]}
    assert (await api.post("/add_items", json=body)).json() == {"added": 1, "updated": 0}
    again = (await api.get("/items/heat")).json()
    assert (again["title"], again["genres"], again["labels"]) == (None, ["Drama"], {})


async def test_a_part_of_an_item_is_changed_and_the_rest_stays(api: Api) -> None:
    await api.put("/items/heat", json=FULL)
    before = (await api.get("/items/heat")).json()
    hidden = await api.patch("/items/heat", json={"hidden": True})
    assert (hidden.status_code, hidden.json()) == (200, before | {"hidden": True})
    assert (await api.get("/items/heat")).json() == hidden.json()
    other = {"title": None, "genres": ["Crime"], "labels": {}, "hidden": False}
    await api.patch("/items/heat", json=other)
    assert (await api.get("/items/heat")).json() == before | other


async def test_a_hidden_item_is_in_no_list_and_among_the_items_it_says_so(api: Api) -> None:
    await api.items(heat=["Action"], clueless=["Comedy"])
    await api.patch("/items/heat", json={"hidden": True})
    assert await api.recs("ada") == ["clueless"]
    listed = (await api.get("/items", params={"genre": "action"})).json()["items"]
    assert [(each["item_id"], each["hidden"]) for each in listed] == [("heat", True)]
    await api.patch("/items/heat", json={"hidden": False})
    assert set(await api.recs("bob")) == {"heat", "clueless"}


async def test_a_patch_is_for_items_there_are_and_fields_that_fit(api: Api) -> None:
    assert (await api.patch("/items/heat", json={"hidden": True})).status_code == 404
    await api.put("/items/heat", json=FULL)
    for wrong in ({"hidden": None}, {"colour": "red"}, {"genres": [""]}):
        assert (await api.patch("/items/heat", json=wrong)).status_code == 422
    await api.delete("/items/heat")
    assert (await api.patch("/items/heat", json={"hidden": True})).status_code == 404


async def test_items_are_listed_in_pages(api: Api) -> None:
    ids = [f"i{n:02}" for n in range(25)]
    await api.items(**{item_id: ["X"] for item_id in ids})
    found: list[str] = []
    cursor = None
    for size in (10, 10, 5):
        query = {"limit": 10} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/items", params=query)).json()
        assert len(page["items"]) == size
        found += [item["item_id"] for item in page["items"]]
        cursor = page["cursor"]
    assert cursor is None
    assert found == ids


async def test_items_are_found_by_text_and_genre_whatever_the_case(api: Api) -> None:
    body = {
        "item_ids": ["heat-1995", "clueless", "100%_sure"],
        "genres": [["Action"], ["Comedy", "Sci-Fi"], ["ComedyDrama"]],
        "titles": ["Heat (1995)", "Clueless", "Sure"],
    }
    await api.post("/add_items", json=body)

    async def found(**query: str) -> list[str]:
        items = (await api.get("/items", params=query)).json()["items"]
        return [item["item_id"] for item in items]

    assert await found(q="hEAT") == ["heat-1995"]
    assert await found(q="1995") == ["heat-1995"]
    assert await found(q="%") == await found(q="0%_s") == ["100%_sure"]
    assert await found(genre="comedy") == ["clueless"]
    assert await found(genre="Sci-Fi", q="clue") == ["clueless"]
    assert await found(genre="Sci-Fi", q="heat") == []
    assert await found(q='"') == await found(genre='"') == await found(q="\\") == []


@pytest.mark.parametrize("name", ["a/b", " ", "%2F", "100%", "ünï→☃", "a?b#c", "a/similar/"])
async def test_ids_may_hold_any_printable_characters(api: Api, name: str) -> None:
    path = f"/items/{quote(name, safe='')}"
    assert (await api.put(path, json={"title": "T"})).json()["item_id"] == name
    assert (await api.get(path)).json()["title"] == "T"
    assert (await api.delete(path)).status_code == 204


async def test_a_title_may_have_line_breaks_and_no_nul(api: Api) -> None:
    assert (await api.put("/items/a", json={"title": "Two\nlines"})).status_code == 200
    assert (await api.get("/items/a")).json()["title"] == "Two\nlines"
    assert (await api.put("/items/a", json={"title": "\x00"})).status_code == 422
    assert (await api.get("/items", params={"q": "\x00"})).status_code == 422


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"item_ids": ["a"]}, {"body.genres"}),
        ({"item_ids": ["a", "b"], "genres": [["X"]]}, {"body.genres"}),
        (
            {"item_ids": ["a"], "genres": [["X"], ["Y"]], "titles": ["A", "B"]},
            {"body.genres", "body.titles"},
        ),
        ({"item_ids": ["a"], "genres": ["X"]}, {"body.genres.0"}),
        ({"item_ids": ["a"], "genres": [[""]]}, {"body.genres.0.0"}),
        ({"item_ids": [], "genres": []}, {"body.item_ids", "body.genres"}),
        ({"item_ids": ["", "x" * 201], "genres": [[], []]}, {"body.item_ids.0", "body.item_ids.1"}),
        ({"item_ids": ["a"], "genres": [[]], "title": ["A"]}, {"body.title"}),
    ],
)
async def test_names_every_field_that_does_not_fit(
    api: Api, body: dict[str, Any], fields: set[str]
) -> None:
    answer = await api.post("/add_items", json=body)
    assert answer.status_code == 422
    assert {d["field"] for d in answer.json()["error"]["details"]} == fields


async def test_an_item_that_does_not_fit_is_refused_and_nothing_changes(api: Api) -> None:
    await api.put("/items/heat", json=FULL)
    wrong = {
        "labels": {"": "x"},
        "published_at": "yesterday",
        "hidden": "maybe",
        "genres": ["X"] * 51,
        "title": "x" * 501,
        "rating": 5,
    }
    answer = await api.put("/items/heat", json=wrong)
    assert answer.status_code == 422
    fields = {d["field"].split(".")[1] for d in answer.json()["error"]["details"]}
    assert fields == wrong.keys()
    assert (await api.get("/items/heat")).json()["title"] == "Heat (1995)"


@pytest.mark.parametrize("cursor", ["x", "", "LTE=", "OTk5OTk5OTk5OTk5", "ü", "MQ==MQ=="])
async def test_a_cursor_that_is_not_ours_is_refused(api: Api, cursor: str) -> None:
    for path in ("/items", "/users/ada/history"):
        answer = await api.get(path, params={"cursor": cursor})
        assert answer.status_code == 422
        assert answer.json()["error"]["details"][0]["field"] == "query.cursor"
