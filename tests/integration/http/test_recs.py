"""GET /recs/{user_id}: the guarantees of a list."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.integration.http.stage import Api, Platform, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEN = {f"i{n}": ["Even" if n % 2 == 0 else "Odd"] for n in range(10)}


async def test_an_empty_catalogue_gives_an_empty_list(api: Api) -> None:
    answer = await api.get("/recs/nobody")
    assert answer.status_code == 200
    told = answer.json()
    assert told.pop("recommendation_id")
    assert told == {
        "item_ids": [],
        "items": [],
        "model_version": None,
        "experiment": None,
        "variant": None,
        "degraded": [],
    }


async def test_an_unknown_user_gets_a_list_with_all_that_the_contract_states(api: Api) -> None:
    body = {"item_ids": ["a"], "genres": [["Comedy"]], "titles": ["The A"]}
    await api.post("/add_items", json=body)
    told = (await api.get("/recs/nobody")).json()
    assert told["item_ids"] == ["a"]
    assert told["items"] == [
        {
            "item_id": "a",
            "title": "The A",
            "score": 0.0,
            "source": "exploration",
            "reason": "New to you: exploring.",
        }
    ]


@pytest.mark.parametrize("limit", [1, 3, 10, 100])
async def test_gives_exactly_as_many_distinct_items_as_asked_for_or_there_are(
    api: Api, limit: int
) -> None:
    await api.items(**TEN)
    for _ in range(3):  # the second and third time from what was seen
        listed = await api.recs("ada", limit=limit)
        assert len(listed) == len(set(listed)) == min(limit, 10)


async def test_ten_is_the_limit_when_none_is_given(api: Api) -> None:
    await api.items(**{f"i{n}": ["X"] for n in range(12)})
    assert len(await api.recs("ada")) == 10


async def test_nothing_comes_again_before_the_rest_is_used_up_then_the_longest_ago(
    api: Api,
) -> None:
    await api.items(**TEN)
    await api.react("ada", i3="like")
    first, second = await api.recs("ada", limit=4), await api.recs("ada", limit=4)
    assert "i3" not in first + second
    assert len({*first, *second}) == 8

    last = await api.recs("ada", limit=4)
    (unseen,) = TEN.keys() - {*first, *second, "i3"}
    assert last == [unseen, "i3", *first[:2]]
    assert await api.recs("ada", limit=3) == [*first[2:], second[0]]


async def test_disliked_items_never_appear_however_few_are_left(api: Api) -> None:
    await api.items(**TEN)
    await api.react("ada", i0="dislike", i1="like")
    for _ in range(3):
        assert set(await api.recs("ada")) == TEN.keys() - {"i0"}
    sent = {"user_id": "ada", "item_id": "i2", "kind": "rating", "value": 0.5}
    await api.post("/events", json={"events": [sent]})
    await until(lambda: _lists(api, TEN.keys() - {"i0", "i2"}))


async def test_excluded_items_do_not_appear_in_this_list(api: Api) -> None:
    await api.items(**TEN)
    assert set(await api.recs("ada", exclude=["i0", "i1", "nothing"])) == TEN.keys() - {"i0", "i1"}
    assert set(await api.recs("ada")) == TEN.keys()


async def test_a_genre_narrows_the_list_whatever_its_case(api: Api) -> None:
    await api.items(**TEN)
    for genre in ("Even", "eVEN"):
        assert set(await api.recs("ada", genre=genre)) == {f"i{n}" for n in range(0, 10, 2)}
    assert await api.recs("ada", genre="None") == []


async def test_hidden_and_deleted_items_vanish_at_once_and_a_new_one_can_appear_at_once(
    api: Api,
) -> None:
    await api.items(**TEN)
    assert set(await api.recs("ada")) == TEN.keys()

    assert (await api.put("/items/i0", json={"hidden": True})).status_code == 200
    assert set(await api.recs("ada")) == TEN.keys() - {"i0"}
    assert (await api.delete("/items/i1")).status_code == 204
    assert set(await api.recs("ada")) == TEN.keys() - {"i0", "i1"}

    await api.items(new=["New"])
    assert (await api.recs("ada", limit=1)) == ["new"]  # the only one that is unseen
    await api.put("/items/i0", json={"hidden": False})
    assert set(await api.recs("ada", limit=100)) == TEN.keys() - {"i1"} | {"new"}


async def test_an_item_that_only_an_event_named_is_not_recommended_until_it_is_added(
    api: Api,
) -> None:
    await api.react("bob", early="like")
    assert await api.recs("ada") == []
    await api.items(early=["X"])
    assert await api.recs("ada") == ["early"]


async def test_cold_lists_differ_from_user_to_user(api: Api) -> None:
    await api.items(**{f"i{n}": ["X"] for n in range(200)})
    await api.react("fan", **{f"i{n}": "like" for n in range(40)})
    await asyncio.sleep(0)
    lists = {tuple(await api.recs(f"new-{n}")) for n in range(5)}
    assert len(lists) == 5


async def test_concurrent_requests_of_one_user_are_all_answered(api: Api) -> None:
    await api.items(**TEN)
    lists = await asyncio.gather(*(api.recs("ada", limit=5) for _ in range(20)))
    assert all(len(set(listed)) == 5 for listed in lists)


async def test_a_flushed_redis_changes_nothing_of_what_was_seen(
    api: Api, platform: Platform
) -> None:
    await api.items(**TEN)
    await api.react("ada", i0="dislike", i1="like")
    first = await api.recs("ada", limit=4)
    await platform.flush(api.workspace)
    second = await api.recs("ada", limit=4)
    assert {*first, *second} == TEN.keys() - {"i0", "i1"}


@pytest.mark.parametrize("name", ["a/b", " ", "%2F", "100%", "ünï→☃", "a?b#c", "a/history"])
async def test_ids_may_hold_any_printable_characters(api: Api, name: str) -> None:
    await api.items(**{name: ["X"], "b": ["X"]})
    assert set(await api.recs(name)) == {name, "b"}
    assert await api.recs(name, exclude=name) == ["b"]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=0", {"query.limit"}),
        ("limit=101", {"query.limit"}),
        ("limit=ten", {"query.limit"}),
        ("genre=&limit=0&exclude=", {"query.genre", "query.limit", "query.exclude.0"}),
        ("exclude=%00", {"query.exclude.0"}),
        ("filtr=hidden&explian=1&limit=3", {"query.filtr", "query.explian"}),
    ],
)
async def test_names_every_parameter_that_does_not_fit(
    api: Api, query: str, fields: set[str]
) -> None:
    answer = await api.get(f"/recs/ada?{query}")
    assert answer.status_code == 422
    assert {d["field"] for d in answer.json()["error"]["details"]} == fields


async def _lists(api: Api, wanted: Any) -> bool:
    return set(await api.recs("ada", limit=100)) == set(wanted)
