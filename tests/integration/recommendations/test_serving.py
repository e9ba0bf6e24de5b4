"""Taking over model versions in a running service: good ones soon, bad ones never."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from services import broker, database
from services.event_collector.app import service as event_collector
from services.messages.envelope import Event
from services.messages.types import ModelPublished
from services.recommendations import shortlist
from services.recommendations.app import service as recommendations
from services.recommendations.loading import MODEL
from services.recommendations.scorers import interface
from services.recommendations.worker import service as worker
from services.web.application import create_app
from services.web.config import PlatformSettings
from tests.integration.http.stage import (
    Api,
    Platform,
    delete_queues,
    profile,
    running,
    until,
)
from tests.integration.recommendations import small_models

FOUR = ["a", "b", "c", "d"]


@pytest.fixture(params=["embedded", "full"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> PlatformSettings:
    """Both profiles, with a model store in a folder."""
    return profile(request, tmp_path)


@pytest.fixture
def poll_seconds() -> float:
    """How often the alias is looked at: hardly ever, so that a test decides when."""
    return 60


@pytest.fixture
async def platform(
    settings: PlatformSettings, poll_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Platform]:
    """The running services."""
    monkeypatch.setenv("AKIN_RECOMMENDATIONS_MODEL_POLL_SECONDS", str(poll_seconds))
    await database.migrate(settings.database)
    app = create_app(event_collector, worker, recommendations, settings=settings)
    async with running(app):
        yield Platform(settings, [app])
    await delete_queues(settings.broker)


@pytest.fixture
async def api(platform: Platform, workspace: str) -> AsyncIterator[Api]:
    """A client in a workspace with four items and somebody who likes one of them."""
    async with platform.client(workspace) as client:
        await client.items(**{item_id: ["X"] for item_id in FOUR})
        await client.react("ada", d="like")
        yield client
    await platform.forget(workspace)


def publish(platform: Platform, api: Api, best: int, **options: object) -> str:
    """Publish a model whose first choice is the item with this number; return its version."""
    order = [best, *(n for n in range(4) if n != best)]
    made = small_models.publish(platform.models, api.workspace, best=order, size=4, **options)
    return made.version


async def announce(platform: Platform, api: Api, version: str) -> None:
    """Tell by the broker that a version is published, as training does."""
    event = Event(
        id=uuid.uuid4().hex,
        source="/test",
        time=datetime.now(UTC),
        workspace=api.workspace,
        data=ModelPublished(name=MODEL, version=version),
    )
    async with broker.connect(platform.settings.broker) as connected:
        await connected.publish([event])


async def serves(api: Api, version: str | None) -> bool:
    return bool((await api.get("/recs/ada")).json()["model_version"] == version)


@pytest.fixture
async def first(platform: Platform, api: Api) -> str:
    """A version that is being served."""
    version = publish(platform, api, best=0)
    assert await serves(api, version)  # found when the workspace was loaded
    return version


async def test_a_list_comes_from_the_model_and_changes_with_it(
    api: Api, platform: Platform, first: str
) -> None:
    told = (await api.get("/recs/cleo")).json()
    assert told["model_version"] is None  # nobody knows Cleo's taste yet
    await api.react("bob", d="like")
    told = (await api.get("/recs/bob")).json()
    assert (told["item_ids"], told["model_version"]) == (["a", "b", "c", "d"], first)
    sources = [item["source"] for item in told["items"]]
    assert sources == ["model", "model", "model", "fallback"]

    await announce(platform, api, second := publish(platform, api, best=2))
    await until(lambda: serves(api, second), seconds=5)
    await api.react("eve", d="like")
    assert (await api.recs("eve"))[:3] == ["c", "a", "b"]


async def test_an_announced_model_is_taken_over_at_once(
    api: Api, platform: Platform, first: str
) -> None:
    version = publish(platform, api, best=1)
    started = time.monotonic()
    await announce(platform, api, version)
    await until(lambda: serves(api, version), seconds=5)
    assert time.monotonic() - started < 5  # the next look at the alias is a minute away


@pytest.mark.parametrize("poll_seconds", [2.0])
async def test_a_promotion_and_a_rollback_are_seen_within_five_seconds_by_the_alias_alone(
    api: Api, platform: Platform, first: str
) -> None:
    version = publish(platform, api, best=1)
    await until(lambda: serves(api, version), seconds=5)
    await asyncio.to_thread(platform.models.rollback, api.workspace, MODEL)
    await until(lambda: serves(api, first), seconds=5)


def truncate(folder: Path) -> None:
    file = folder / "factors.npy"
    file.write_bytes(file.read_bytes()[:-8])


def tamper(folder: Path) -> None:
    file = folder / "biases.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def lose_a_file(folder: Path) -> None:
    (folder / "popularity.npy").unlink()


def add_a_file(folder: Path) -> None:
    (folder / "extra.npy").write_bytes(b"x")


def tamper_with_the_manifest(folder: Path) -> None:
    file = folder / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["serving"]["scale"] = 1e9
    file.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "damage", [truncate, tamper, lose_a_file, add_a_file, tamper_with_the_manifest]
)
@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_a_damaged_version_is_refused_and_the_old_one_keeps_serving(
    api: Api,
    platform: Platform,
    first: str,
    damage: Callable[[Path], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad = publish(platform, api, best=1)
    folder = platform.settings.home / "models" / api.workspace / MODEL / bad
    for path in (folder, *folder.iterdir()):
        path.chmod(0o700)
    damage(folder)
    before = refused("damaged")
    await announce(platform, api, bad)
    await until(lambda: has_refused("damaged", before + 1))

    (line,) = [r for r in caplog.records if r.name.endswith("recommendations.loading")]
    assert line.levelname == "ERROR"
    assert line.getMessage() == "A model version was refused; the old one stays."
    assert (line.version, line.workspace) == (bad, api.workspace)
    assert await serves(api, first)

    await announce(platform, api, bad)  # it is not tried again and again
    good = publish(platform, api, best=2)
    await announce(platform, api, good)
    await until(lambda: serves(api, good))
    assert refused("damaged") == before + 1


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_a_version_from_before_the_last_cleanup_is_refused(
    api: Api, platform: Platform, first: str
) -> None:
    before = refused("unfit")
    await announce(platform, api, publish(platform, api, best=1, epoch=7))
    await until(lambda: has_refused("unfit", before + 1))
    assert await serves(api, first)


@pytest.mark.parametrize("settings", ["embedded"], indirect=True)
async def test_a_model_younger_than_the_catalogue_held_serves_once_that_has_caught_up(
    api: Api, platform: Platform, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cleanup elsewhere, and a training after it, before this process had a request."""
    editor = platform.apps[0].state.catalogue_editor
    await editor.clean(api.workspace)
    before = refused("unfit")
    version = publish(platform, api, best=1, epoch=1)
    await announce(platform, api, version)
    await until(lambda: has_refused("unfit", before + 1))

    await api.items(**{item_id: ["X"] for item_id in FOUR})
    await api.react("ada", d="like")
    await announce(platform, api, version)
    await until(lambda: serves(api, version))


def refused(reason: str) -> float:
    return REGISTRY.get_sample_value("akin_model_refused_total", {"reason": reason}) or 0.0


async def has_refused(reason: str, times: float) -> bool:
    return refused(reason) == times


async def test_lists_of_a_large_catalogue_are_the_best_and_filters_keep_their_promise(
    api: Api, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shortlist has sixty of the items, and people look further than that."""
    monkeypatch.setattr(interface, "EXACT", 50)
    monkeypatch.setattr(shortlist, "NOMINATED", 60)
    genres = {f"item-{n}": ["rare"] if n % 50 == 0 else ["usual"] for n in range(200)}
    await api.items(**genres)
    best = [f"item-{n}" for n in reversed(range(200))]
    order = [*reversed(range(4, 204)), 0, 1, 2, 3]  # a to d came first
    small_models.publish(platform.models, api.workspace, best=order, size=204)
    assert (await api.put("/scenarios/sure", json={"exploration": 0})).status_code == 200
    seen: list[str] = []
    for _ in range(9):
        seen += await api.recs("ada", limit=10, scenario="sure")
    assert seen == best[:90]
    await api.react("bob", d="like")
    rare = await api.recs("bob", limit=10, scenario="sure", genre="rare")
    assert rare[:4] == ["item-150", "item-100", "item-50", "item-0"]
    assert len(await api.recs("bob", limit=10, diversity=0.5)) == 10
    await api.items(**{"item-199": ["rare"]})
    await api.delete("/items/item-198")
    await api.react("eve", d="like")
    assert (await api.recs("eve", limit=2, scenario="sure")) == ["item-199", "item-197"]
