"""DELETE /users/{user_id}: nothing of the user stays, and who comes afterwards is a stranger."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import select

from services import broker, cache, database
from services.messages.envelope import Event
from services.messages.types import InteractionRecorded
from services.model_store import Draft, ModelStore
from services.recommendations import snapshots
from services.recommendations.loading import MODEL
from services.recommendations.recording import Reaction, Recorder
from services.recommendations.tables import metadata
from tests.integration.http.stage import Api, Platform, until
from tests.integration.recommendations import small_models

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIX = {f"i{n}": ["X"] for n in range(6)}


@pytest_asyncio.fixture(loop_scope="session")
async def used(api: Api) -> Api:
    """A workspace in which two people reacted and were shown lists."""
    await api.items(**SIX)
    for user in ("ada", "bob"):
        await api.recs(user, limit=2)
        await api.react(user, i0="like", i1="dislike")
        await api.recs(user, limit=2)
    return api


async def erase(api: Api, user_id: str = "ada") -> dict[str, Any]:
    """Erase the user and return the receipt, once rows and caches are done."""
    answer = await api.delete(f"/users/{user_id}")
    assert answer.status_code == 202, answer.text
    receipt_id = answer.json()["receipt_id"]

    async def is_gone() -> bool:
        told = (await api.get(f"/erasures/{receipt_id}")).json()
        return None not in (told["rows_done_at"], told["caches_done_at"])

    await until(is_gone)
    return dict((await api.get(f"/erasures/{receipt_id}")).json())


async def rows_of(platform: Platform, workspace: str, user_id: str) -> list[str]:
    """Return the tables in which anything of the user stands."""
    async with (
        database.connect(platform.settings.database) as db,
        db.reading(workspace) as connection,
    ):
        tables = [
            (
                table.name,
                await connection.execute(select(table).where(table.c.workspace == workspace)),
            )
            for table in metadata.sorted_tables
        ]
        return [name for name, rows in tables if any(user_id in map(str, row) for row in rows)]


async def keys_of(platform: Platform, workspace: str, user_id: str) -> list[bytes]:
    """Return the keys of the cache that name the user."""
    async with platform._cache() as cache:
        keys = cache.client.scan_iter(match=f"akin:w:{workspace}:*{user_id}*")
        return [key async for key in keys]


async def send(platform: Platform, workspace: str, event_id: str, at: datetime) -> None:
    """Publish that ada liked i5, as accepted at this moment."""
    told = InteractionRecorded(user_id="ada", item_id="i5", kind="like", occurred_at=at)
    event = Event(id=event_id, source="/test", time=at, workspace=workspace, data=told)
    async with broker.connect(platform.settings.broker) as connected:
        await connected.publish([event])


def retrained(store: ModelStore, workspace: str, read_at: datetime, *, seed: int) -> str:
    """Publish and promote a version whose snapshot was begun at `read_at`; return its name."""
    plain = small_models.publish(store, workspace, best=[0], size=6, promoted=False)
    arrays = store.load(workspace, MODEL, plain.version).arrays
    fields = {name: getattr(plain, name) for name in Draft.__struct_fields__}
    protocol = {"read_at": read_at.isoformat()}
    draft = msgspec.structs.replace(Draft(**fields), parameters={"seed": seed}, protocol=protocol)
    version = store.publish(workspace, MODEL, arrays=arrays, manifest=draft).version
    small_models.promote(store, workspace, version)
    return version


async def test_nothing_of_the_user_stays(used: Api, platform: Platform) -> None:
    assert await rows_of(platform, used.workspace, "ada") == ["impressions", "interactions"]
    assert await keys_of(platform, used.workspace, "ada")

    receipt = await erase(used)

    assert await rows_of(platform, used.workspace, "ada") == []
    assert await keys_of(platform, used.workspace, "ada") == []
    assert await used.history("ada") == []
    answer = await used.post("/recommendations", json={"user_id": "ada"})
    assert answer.json()["error"]["message"] == "User does not exist"
    assert "ada" not in str(receipt)


async def test_the_user_is_a_stranger_afterwards(used: Api) -> None:
    await erase(used)
    assert set(await used.recs("ada", limit=6)) == SIX.keys()  # what was disliked and shown too
    await used.react("ada", i2="like")
    assert [entry["item_id"] for entry in await used.history("ada")] == ["i2"]


async def test_others_keep_what_is_theirs(used: Api, platform: Platform) -> None:
    async with platform.client(f"{used.workspace}-2") as other:
        await other.items(**SIX)
        await other.react("ada", i0="like")
        await erase(used)
        assert len(await other.history("ada")) == 1
        await platform.forget(other.workspace)
    assert len(await used.history("bob")) == 2
    assert "i1" not in await used.recs("bob", limit=6)


async def test_the_counters_no_longer_count_the_user(used: Api) -> None:
    await until(lambda: likes_of_i0(used, 2))
    await erase(used)
    await until(lambda: likes_of_i0(used, 1), seconds=15)


async def test_an_event_that_was_still_travelling_does_not_bring_the_user_back(
    used: Api, platform: Platform
) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    await erase(used)
    await send(platform, used.workspace, "late", before)
    await used.react("bob", i2="like")  # arrives behind it
    assert await rows_of(platform, used.workspace, "ada") == []
    assert await used.history("ada") == []

    await send(platform, used.workspace, "later", datetime.now(UTC))
    await until(lambda: has_history(used, "ada"))
    await used.react("bob", i3="like")
    assert [entry["item_id"] for entry in await used.history("ada")] == ["i5"]


async def test_the_next_training_does_not_contain_the_user(used: Api, platform: Platform) -> None:
    async with database.connect(platform.settings.database) as db:
        for users in (["ada", "bob"], ["bob"]):
            async with db.reading(used.workspace) as connection:
                dataset = await snapshots.load(connection, used.workspace)
            assert list(dataset.interactions.user_ids) == users
            await erase(used)


async def test_the_receipt_waits_until_a_model_serves_that_never_saw_the_user(
    used: Api, platform: Platform
) -> None:
    async def train(read_at: datetime, seed: int) -> str:
        models, workspace = platform.models, used.workspace
        return await asyncio.to_thread(retrained, models, workspace, read_at, seed=seed)

    old = await train(datetime.now(UTC), 1)
    receipt = await erase(used)
    path = f"/erasures/{receipt['receipt_id']}"
    assert (receipt["status"], receipt["model_done_at"]) == ("running", None)

    await train(datetime.fromisoformat(receipt["requested_at"]), 2)  # read before it was done
    assert (await used.get(path)).json() == receipt
    await train(datetime.now(UTC), 3)
    done = (await used.get(path)).json()
    assert done["status"] == "done"
    await train(datetime.now(UTC), 4)
    assert (await used.get(path)).json() == done  # since when, not as of when

    await used.post("/models/recommendations/rollback", json={"version": old})
    assert (await used.get(path)).json() == receipt


async def test_where_no_model_serves_no_model_knows_the_user(used: Api) -> None:
    assert (await erase(used))["status"] == "done"


async def test_a_user_who_never_reacted_is_in_no_model(used: Api, platform: Platform) -> None:
    await asyncio.to_thread(small_models.publish, platform.models, used.workspace, best=[0], size=6)
    assert (await erase(used, "nobody"))["status"] == "done"
    assert (await erase(used))["status"] == "running"
    assert (await erase(used))["status"] == "running"  # no row of ada, but still that model


async def test_ids_may_have_any_characters(used: Api) -> None:
    await used.react("a/b c*[?]ü", i0="like")
    await erase(used, "a%2Fb%20c*[%3F]%C3%BC")
    assert await used.history("a/b c*[?]ü") == []


async def test_a_receipt_belongs_to_its_workspace(used: Api, platform: Platform) -> None:
    receipt = await erase(used)
    async with platform.client(f"{used.workspace}-2") as other:
        answer = await other.get(f"/erasures/{receipt['receipt_id']}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "receipt_not_found")


async def test_needs_the_scope(used: Api, platform: Platform) -> None:
    async with platform.client(used.workspace, "recommendations:read", "events:write") as client:
        assert (await client.delete("/users/ada")).status_code == 403
    assert len(await used.history("ada")) == 2


async def likes_of_i0(api: Api, count: int) -> bool:
    items = (await api.get("/popular")).json()["items"]
    return {"i0": count} == {i["item_id"]: i["likes"] for i in items if i["item_id"] == "i0"}


async def has_history(api: Api, user_id: str) -> bool:
    return bool(await api.history(user_id))


async def test_importing_what_happened_before_does_not_bring_the_user_back(
    used: Api, platform: Platform
) -> None:
    """A file that is imported again says now what was done long ago."""
    await erase(used)
    async with (
        database.connect(platform.settings.database) as db,
        cache.connect(platform.settings.cache) as connected,
    ):
        told = InteractionRecorded(
            user_id="ada",
            item_id="i1",
            kind="like",
            occurred_at=datetime.now(UTC) - timedelta(days=365),
        )
        imported = [Reaction("imported", datetime.now(UTC), told)]
        recorder = Recorder(db, connected)
        assert await recorder.record(used.workspace, imported, follow=False) == 0
    assert await rows_of(platform, used.workspace, "ada") == []
