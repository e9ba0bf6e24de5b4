"""GET /models/{name}, POST /models/{name}/rollback, GET /popular."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.http.stage import Api, Platform, until
from tests.integration.recommendations import small_models

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def publish(platform: Platform, api: Api, **options: object) -> str:
    made = await asyncio.to_thread(
        small_models.publish, platform.models, api.workspace, size=4, **options
    )
    return made.version


async def test_a_model_that_was_never_trained_has_no_versions(api: Api) -> None:
    answer = await api.get("/models/recommendations")
    assert answer.status_code == 200
    assert answer.json() == {
        "name": "recommendations",
        "champion": None,
        "history": [],
        "versions": [],
    }


async def test_tells_which_version_is_served_which_were_and_which_there_are(
    api: Api, platform: Platform
) -> None:
    first = await publish(platform, api, best=[0])
    second = await publish(platform, api, best=[1])
    told = (await api.get("/models/recommendations")).json()
    assert told["champion"]["version"] == second
    assert [move["version"] for move in told["history"]] == [second, first]
    assert {version["version"] for version in told["versions"]} == {first, second}
    version = told["versions"][0]
    assert (version["kind"], version["data"]["rows"]) == ("factors", 10)


async def test_a_rollback_serves_the_version_before_again(api: Api, platform: Platform) -> None:
    await api.items(a=["X"], b=["X"], c=["X"], d=["X"])
    await api.react("ada", d="like")
    first = await publish(platform, api, best=[0])
    second = await publish(platform, api, best=[1])
    await until(lambda: serves(api, second))

    answer = await api.post("/models/recommendations/rollback")
    assert answer.status_code == 200
    move = answer.json()
    assert move.keys() == {"version", "generation", "reason", "at"}
    assert (move["version"], move["generation"]) == (first, 3)
    await until(lambda: serves(api, first), seconds=5)

    again = await api.post("/models/recommendations/rollback", json={"version": second})
    assert again.json()["version"] == second
    await until(lambda: serves(api, second), seconds=5)


async def test_with_nothing_to_go_back_to_it_is_a_conflict(api: Api, platform: Platform) -> None:
    for _ in range(2):
        answer = await api.post("/models/recommendations/rollback")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "cannot_roll_back")
        await publish(platform, api, best=[0])


async def test_an_unknown_model_or_version_does_not_exist(api: Api, platform: Platform) -> None:
    await publish(platform, api, best=[0])
    for answer in (
        await api.get("/models/other"),
        await api.post("/models/other/rollback"),
        await api.post("/models/recommendations/rollback", json={"version": "0" * 16}),
    ):
        assert answer.status_code == 404, answer.text
    wrong = await api.post("/models/recommendations/rollback", json={"version": "../x"})
    assert wrong.status_code == 422


async def test_popular_items_are_the_most_liked_listed_ones(api: Api) -> None:
    await api.items(a=["X"], b=["X", "Y"], hidden=["X"])
    for user in ("u1", "u2", "u3"):
        await api.react(user, hidden="like", unlisted="like", b="like")
    await api.react("u1", a="like")
    await api.react("u2", a="dislike")
    await api.put("/items/hidden", json={"hidden": True})

    async def popular(**query: object) -> list[tuple[str, int]]:
        items = (await api.get("/popular", params=query)).json()["items"]
        return [(item["item_id"], item["likes"]) for item in items]

    assert await popular() == [("b", 3), ("a", 1)]
    assert await popular(limit=1) == [("b", 3)]
    assert await popular(genre="y") == [("b", 3)]
    assert await popular(genre="Z") == []
    assert (await api.get("/popular", params={"limit": 0})).status_code == 422


async def serves(api: Api, version: str) -> bool:
    return bool((await api.get("/recs/ada")).json()["model_version"] == version)
