"""Two replicas of the recommendations service on the same servers: the full profile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.recommendations.app import service as recommendations
from services.web.application import create_app
from tests.integration.http.stage import Api, Platform, running, until
from tests.integration.recommendations import small_models

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.parametrize("settings", ["full"], indirect=True, scope="session"),
]

SIX = {f"i{n}": ["X"] for n in range(6)}


@pytest_asyncio.fixture(loop_scope="session")
async def replica(platform: Platform, workspace: str) -> AsyncIterator[Api]:
    """A client of the second replica."""
    app = create_app(recommendations, settings=platform.settings)
    async with running(app), platform.client(workspace, app=app) as client:
        yield client


async def test_what_one_showed_the_other_does_not_repeat(api: Api, replica: Api) -> None:
    await api.items(**SIX)
    first, second = await api.recs("ada", limit=3), await replica.recs("ada", limit=3)
    assert {*first, *second} == SIX.keys()


async def test_what_was_recorded_excludes_on_both(api: Api, replica: Api) -> None:
    await api.items(**SIX)
    await replica.recs("ada", limit=1)
    await api.react("ada", i0="dislike")
    for client in (api, replica):
        await until(lambda client=client: never(client, "i0"))


async def test_a_changed_catalogue_is_seen_by_both_at_once(api: Api, replica: Api) -> None:
    await api.items(**SIX)
    assert set(await replica.recs("bob")) == SIX.keys()
    await api.delete("/items/i2")
    await api.items(new=["X"])
    assert set(await replica.recs("bob")) == SIX.keys() - {"i2"} | {"new"}


async def test_a_cleanup_empties_both_at_once(api: Api, replica: Api, platform: Platform) -> None:
    await api.items(**SIX)
    await api.react("ada", i0="like")
    await asyncio.to_thread(small_models.publish, platform.models, api.workspace, best=[5], size=6)
    for client in (api, replica):
        await until(lambda client=client: client.is_served_by_a_model("ada"))
    await api.get("/cleanup")
    assert await replica.recs("ada") == []
    assert (await replica.get("/popular")).json()["items"] == []
    assert await replica.history("ada") == []
    await replica.items(new=["X"])
    for client in (api, replica):
        answer = (await client.get("/recs/ada")).json()
        assert (answer["item_ids"], answer["model_version"]) == (["new"], None)


async def test_a_flushed_redis_changes_nothing_for_either(
    api: Api, replica: Api, platform: Platform
) -> None:
    await api.items(**SIX)
    await api.react("ada", i0="like")
    shown = await api.recs("ada", limit=2)
    await platform.flush(api.workspace)
    again = await replica.recs("ada", limit=3)
    assert {*again, *shown} == SIX.keys() - {"i0"}


async def test_concurrent_cleanups_and_changes_end_in_one_state(api: Api, replica: Api) -> None:
    await api.items(**SIX)
    await asyncio.gather(
        *(client.get("/cleanup") for client in (api, replica)),
        *(client.recs("ada") for client in (api, replica)),
        *(client.items(**SIX) for client in (api, replica)),
        *(client.recs("ada") for client in (api, replica)),
    )
    listed = [set(await client.recs("ada", limit=100)) for client in (api, replica)]
    assert listed[0] == listed[1]
    assert listed[0] in (set(), SIX.keys())


async def never(api: Api, item_id: str) -> bool:
    return set(await api.recs("ada")) == SIX.keys() - {item_id}
