"""Lists for sessions, for many users at once, items like an item, and why an item is where it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.http.stage import Api

pytestmark = pytest.mark.asyncio(loop_scope="session")

TWO_TASTES = {
    **{f"c{n}": ["Comedy"] for n in range(6)},
    **{f"t{n}": ["Thriller", "Crime"] for n in range(6)},
}


def rated(**ratings: float) -> list[dict[str, Any]]:
    return [{"item_id": item_id, "rating": rating} for item_id, rating in ratings.items()]


async def test_a_session_gets_a_list_and_leaves_nothing_behind(api: Api) -> None:
    await api.items(**TWO_TASTES)
    body = {"history": rated(c0=5, nonsense=5, c1=0), "limit": 4}
    first = await api.post("/sessions/recommendations", json=body)
    assert first.status_code == 200, first.text
    told = first.json()
    assert told["ignored_items"] == ["nonsense"]
    listed = [place["item_id"] for place in told["recommendations"]]
    assert len(set(listed)) == 4
    assert not {"c0", "c1"} & set(listed)
    # Nothing counts as shown or rated: whoever comes next starts anew.
    again = await api.post("/sessions/recommendations", json={"history": rated(c0=5)})
    assert len(again.json()["recommendations"]) == 10
    assert (await api.get("/popular")).json()["items"] == []


@pytest.mark.parametrize(
    "body", [{"history": []}, {}, {"history": [{"item_id": "c0", "rating": "NaN"}]}]
)
async def test_a_session_without_a_history_is_refused(api: Api, body: dict[str, Any]) -> None:
    answer = await api.post("/sessions/recommendations", json=body)
    assert answer.status_code == 422


async def test_a_session_of_unknown_items_only_is_told_so(api: Api) -> None:
    await api.items(**TWO_TASTES)
    answer = await api.post("/sessions/recommendations", json={"history": rated(nonsense=5)})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "unknown_items"


async def test_a_batch_has_a_list_for_each_user_in_their_order(api: Api) -> None:
    await api.items(**TWO_TASTES)
    await api.react("ada", c0="dislike")
    users = ["ada", *(f"user {n}" for n in range(120))]
    answer = await api.post("/recs/batch", json={"user_ids": users, "limit": 12})
    assert answer.status_code == 200, answer.text
    lists = answer.json()["lists"]
    assert [each["user_id"] for each in lists] == users
    assert set(lists[0]["item_ids"]) == TWO_TASTES.keys() - {"c0"}
    assert all(set(each["item_ids"]) == TWO_TASTES.keys() for each in lists[1:])
    assert len({each["recommendation_id"] for each in lists}) == len(users)


@pytest.mark.parametrize("users", [[], ["x"] * 1001, [""]])
async def test_a_batch_of_none_or_too_many_is_refused(api: Api, users: list[str]) -> None:
    answer = await api.post("/recs/batch", json={"user_ids": users})
    assert answer.status_code == 422


async def test_what_a_batch_showed_counts_as_seen(api: Api) -> None:
    await api.items(**TWO_TASTES)
    (made,) = (await api.post("/recs/batch", json={"user_ids": ["ada"], "limit": 6})).json()[
        "lists"
    ]
    assert not set(made["item_ids"]) & set(await api.recs("ada", limit=6))


async def test_items_of_the_same_genres_are_similar_before_there_is_a_model(api: Api) -> None:
    await api.items(**TWO_TASTES, mixed=["Crime", "Comedy"])
    answer = await api.get("/items/t0/similar", params={"limit": 100})
    assert answer.status_code == 200, answer.text
    listed = [place["item_id"] for place in answer.json()["items"]]
    assert listed == ["t1", "t2", "t3", "t4", "t5", "mixed"]
    only = await api.get("/items/t0/similar", params={"genre": "comedy"})
    assert [place["item_id"] for place in only.json()["items"]] == ["mixed"]
    assert (await api.get("/items/nothing/similar")).status_code == 404


async def test_diversity_mixes_the_kinds(api: Api) -> None:
    await api.items(**{f"a{n}": ["A"] for n in range(30)}, **{f"b{n}": ["B"] for n in range(3)})
    await api.react("fan", **{f"a{n}": "like" for n in range(30)}, b0="like", b1="like", b2="like")
    alike = [await api.recs(f"user {n}", limit=4, diversity=0) for n in range(20)]
    mixed = [await api.recs(f"guest {n}", limit=4, diversity=1) for n in range(20)]

    def kinds(lists: list[list[str]]) -> float:
        return sum(len({item[0] for item in listed}) for listed in lists) / len(lists)

    assert kinds(mixed) > kinds(alike)


@pytest.mark.parametrize("diversity", ["-0.1", "1.1", "nan", "inf", "much"])
async def test_diversity_is_a_number_from_0_to_1(api: Api, diversity: str) -> None:
    answer = await api.get("/recs/ada", params={"diversity": diversity})
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["field"] == "query.diversity"


async def test_why_tells_what_keeps_an_item_away(api: Api) -> None:
    await api.items(**TWO_TASTES)
    await api.react("ada", c0="dislike", c1="like")
    await api.put("/items/c2", json={"genres": ["Comedy"], "hidden": True})
    shown = await api.recs("ada", limit=3)

    async def why(item_id: str) -> dict[str, Any]:
        answer = await api.get(f"/users/ada/why/{item_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    assert "disliked" in (await why("c0"))["obstacles"][0]
    assert (await why("c0"))["own_reaction"] == -1
    assert "reacted" in (await why("c1"))["obstacles"][0]
    assert (await why("c2"))["obstacles"] == ["It is hidden."]
    assert "shown" in (await why(shown[0]))["obstacles"][0]
    assert (await why(shown[0]))["times_shown"] == 1
    fresh = next(i for i in TWO_TASTES if i not in {*shown, "c0", "c1", "c2"})
    told = await why(fresh)
    assert told["obstacles"] == []
    assert told["of"] == len(TWO_TASTES) - 3 - len(shown)
    assert (await api.get("/users/ada/why/nothing")).status_code == 404
