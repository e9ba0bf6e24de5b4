"""POST /recommendations: a known user, or somebody new with a history."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.integration.http.stage import Api, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIVE = {f"i{n}": ["X"] for n in range(5)}


async def ask(api: Api, **body: Any) -> httpx.Response:
    return await api.post("/recommendations", json=body)


def rated(**ratings: float) -> list[dict[str, Any]]:
    return [{"item_id": item_id, "rating": rating} for item_id, rating in ratings.items()]


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["message"]


async def test_a_new_user_is_made_from_a_history_and_known_afterwards(api: Api) -> None:
    await api.items(**FIVE)
    answer = await ask(api, history=rated(i0=5, i1=1), limit=2)
    assert answer.status_code == 200
    told = answer.json()
    assert told.keys() == {
        "user_id",
        "recommendations",
        "recommendation_id",
        "model_version",
        "ignored_items",
    }
    assert {place["item_id"] for place in told["recommendations"]} < {"i2", "i3", "i4"}
    assert len(told["recommendations"]) == 2
    place = told["recommendations"][0]
    assert place.keys() == {"item_id", "title", "score", "source", "reason"}

    history = {e["item_id"]: e["value"] for e in await api.history(told["user_id"])}
    assert history == {"i0": 5, "i1": 1}
    assert (await ask(api, user_id=told["user_id"])).status_code == 200


async def test_a_null_user_is_no_user(api: Api) -> None:
    await api.items(**FIVE)
    first = (await ask(api, user_id=None, history=rated(i0=5))).json()["user_id"]
    second = (await ask(api, user_id=None, history=rated(i0=5))).json()["user_id"]
    assert first != second


async def test_a_known_user_needs_no_history(api: Api) -> None:
    await api.items(**FIVE)
    await api.react("ada", i0="like")
    answer = await ask(api, user_id="ada")
    assert answer.status_code == 200
    told = answer.json()
    assert told["user_id"] == "ada"
    assert {place["item_id"] for place in told["recommendations"]} == FIVE.keys() - {"i0"}


async def test_somebody_who_was_only_shown_a_list_is_known(api: Api) -> None:
    await api.items(**FIVE)
    await api.recs("ada", limit=1)
    assert (await ask(api, user_id="ada")).status_code == 200


async def test_a_known_users_history_is_recorded_and_a_repeated_rating_updates(api: Api) -> None:
    await api.items(**FIVE)
    await api.react("ada", i0="like")
    for rating in (2, 4.5):
        answer = await ask(api, user_id="ada", history=rated(i1=rating, unknown=3))
        assert answer.status_code == 200
        listed = {place["item_id"] for place in answer.json()["recommendations"]}
        assert listed == FIVE.keys() - {"i0", "i1"}
    history = {e["item_id"]: (e["kind"], e["value"]) for e in await api.history("ada")}
    assert history == {"i0": ("like", None), "i1": ("rating", 4.5)}


async def test_the_last_of_two_ratings_in_one_history_holds(api: Api) -> None:
    await api.items(**FIVE)
    twice = [*rated(i0=1), *rated(i0=4)]
    user_id = (await ask(api, history=twice)).json()["user_id"]
    assert [e["value"] for e in await api.history(user_id)] == [4]


async def test_a_rating_is_clamped_to_0_and_5(api: Api) -> None:
    await api.items(**FIVE)
    user_id = (await ask(api, history=rated(i0=-3, i1=99))).json()["user_id"]
    assert {e["item_id"]: e["value"] for e in await api.history(user_id)} == {"i0": 0, "i1": 5}


async def test_neither_user_nor_history_is_an_error(api: Api) -> None:
    for body in ({}, {"user_id": None}, {"history": []}, {"user_id": None, "history": []}):
        assert error(await ask(api, **body)) == (400, "Missing history")


async def test_an_unknown_user_is_an_error_with_a_history_too(api: Api) -> None:
    await api.items(**FIVE)
    for body in ({}, {"history": rated(i0=5)}):
        answer = await ask(api, user_id="nobody", **body)
        assert error(answer) == (400, "User does not exist")
    assert await api.history("nobody") == []


async def test_a_history_of_unknown_items_alone_leaves_no_user_behind(api: Api) -> None:
    await api.items(**FIVE)
    await api.react("bob", named="like")  # named by an event, and not in the catalogue
    answer = await ask(api, history=rated(unknown=5, named=5))
    assert answer.status_code == 400
    assert "user_id" not in answer.json()
    popular = (await api.get("/popular")).json()["items"]
    assert popular == []


async def test_nothing_left_is_404(api: Api) -> None:
    await api.items(a=["X"], b=["X"])
    assert error(await ask(api, history=rated(a=5, b=1))) == (404, "No new items to recommend")
    await api.react("ada", a="like", b="dislike")
    assert error(await ask(api, user_id="ada")) == (404, "No new items to recommend")


async def test_what_was_rated_shows_in_the_next_list_of_get_recs(api: Api) -> None:
    await api.items(**FIVE)
    user_id = (await ask(api, history=rated(i0=0), limit=1)).json()["user_id"]
    await until(lambda: _never(api, user_id, "i0"))


async def test_concurrent_requests_without_a_user_make_one_user_each(api: Api) -> None:
    await api.items(**FIVE)
    answers = await asyncio.gather(*(ask(api, history=rated(i0=5)) for _ in range(10)))
    assert len({answer.json()["user_id"] for answer in answers}) == 10


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"user_id": ""}, {"body.user_id"}),
        ({"limit": 0, "user_id": 3}, {"body.limit", "body.user_id"}),
        ({"limit": 101}, {"body.limit"}),
        ({"history": [{"item_id": "a"}]}, {"body.history.0.rating"}),
        ({"history": [{"item_id": "", "rating": "x"}]}, None),
        ({"history": {"a": 5}}, {"body.history"}),
        ({"history": [{"item_id": "a", "rating": 5}] * 1_001}, {"body.history"}),
        ({"mood": "good"}, {"body.mood"}),
    ],
)
async def test_names_every_field_that_does_not_fit(
    api: Api, body: dict[str, Any], fields: set[str] | None
) -> None:
    answer = await api.post("/recommendations", json=body)
    assert answer.status_code == 422
    both = {"body.history.0.item_id", "body.history.0.rating"}
    assert {d["field"] for d in answer.json()["error"]["details"]} == (fields or both)


async def test_a_rating_that_is_no_number_is_refused(api: Api) -> None:
    for number in ("NaN", "Infinity", "1e999"):
        answer = await api.post(
            "/recommendations",
            content=f'{{"history": [{{"item_id": "a", "rating": {number}}}]}}',
            headers={"content-type": "application/json"},
        )
        assert answer.status_code == 422


async def _never(api: Api, user_id: str, item_id: str) -> bool:
    return item_id not in await api.recs(user_id, limit=100)
