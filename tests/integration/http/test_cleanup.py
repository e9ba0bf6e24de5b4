"""GET /cleanup: everything of the caller's workspace is gone, on every replica, for good."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from services import broker
from services.messages.envelope import Event
from services.messages.types import InteractionRecorded
from services.recommendations.app import service as recommendations
from services.web.application import create_app
from tests.integration.http.stage import Api, Platform, running, until
from tests.integration.recommendations import small_models

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIX = {f"i{n}": ["X"] for n in range(6)}


@pytest_asyncio.fixture(loop_scope="session")
async def used(api: Api, platform: Platform) -> Api:
    """A workspace with items, reactions, lists and a model."""
    await api.items(**SIX)
    await api.react("ada", i0="like", i1="dislike")
    await asyncio.to_thread(
        small_models.publish, platform.models, api.workspace, best=[5], size=len(SIX)
    )
    await until(lambda: api.is_served_by_a_model("ada"))
    return api


async def test_empties_the_workspace(used: Api, platform: Platform) -> None:
    answer = await used.get("/cleanup")
    assert answer.status_code == 200
    assert answer.json() == {"message": "Everything of this workspace is gone."}

    assert await used.recs("ada") == []
    assert await used.history("ada") == []
    assert (await used.get("/items")).json()["items"] == []
    assert (await used.get("/popular")).json()["items"] == []
    assert (await used.get("/items/i0")).status_code == 404
    model = (await used.get("/models/recommendations")).json()
    assert (model["champion"], model["history"], model["versions"]) == (None, [], [])
    answer = await used.post("/recommendations", json={"user_id": "ada"})
    assert answer.json()["error"]["message"] == "User does not exist"
    assert await asyncio.to_thread(platform.models.names, used.workspace) == []


async def test_what_comes_afterwards_begins_anew(used: Api) -> None:
    await used.get("/cleanup")
    await used.items(**{f"n{n}": ["X"] for n in range(3)}, i1=["X"])
    told = (await used.get("/recs/ada")).json()
    assert set(told["item_ids"]) == {"n0", "n1", "n2", "i1"}  # nothing of the past is excluded
    assert told["model_version"] is None
    await used.react("ada", n2="dislike")
    await until(lambda: lists(used, {"n0", "n1", "i1"}))


async def test_leaves_other_workspaces_alone(used: Api, platform: Platform) -> None:
    async with platform.client(f"{used.workspace}-2") as other:
        await other.items(**SIX)
        await other.react("ada", i0="like")
        await used.get("/cleanup")
        assert len(await other.history("ada")) == 1
        assert len(await other.recs("ada", limit=6)) == 6
        await platform.forget(other.workspace)


async def test_an_event_that_was_still_travelling_is_dropped(used: Api, platform: Platform) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    await used.get("/cleanup")
    told = InteractionRecorded(user_id="ada", item_id="late", kind="like", occurred_at=before)
    event = Event(id="late", source="/test", time=before, workspace=used.workspace, data=told)
    async with broker.connect(platform.settings.broker) as connected:
        await connected.publish([event])
    await used.react("bob", i0="like")  # arrives behind it
    assert await used.history("ada") == []


async def test_the_same_event_ids_count_again_after_it(used: Api) -> None:
    sent = {"user_id": "bob", "item_ids": ["i0"], "actions": ["like"], "event_ids": ["e1"]}
    for _ in range(2):
        await used.post("/interact", json=sent)
        await until(lambda: has_history(used, "bob"))
        await used.get("/cleanup")


async def test_needs_the_scope(used: Api, platform: Platform) -> None:
    async with platform.client(used.workspace, "catalogue:write", "models:admin") as client:
        assert (await client.get("/cleanup")).status_code == 403
    assert len(await used.history("ada")) == 2


async def test_is_refused_where_the_installation_does_not_allow_it(
    used: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AKIN_RECOMMENDATIONS_ALLOW_CLEANUP")
    app = create_app(recommendations, settings=platform.settings)
    async with running(app), platform.client(used.workspace, app=app) as client:
        answer = await client.get("/cleanup")
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "cleanup_not_allowed"
    assert len(await used.history("ada")) == 2


async def has_history(api: Api, user_id: str) -> bool:
    return bool(await api.history(user_id))


async def lists(api: Api, items: set[str]) -> bool:
    return set(await api.recs("ada")) == items
