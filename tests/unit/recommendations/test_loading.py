from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from services.model_store import ModelStore
from services.recommendations.catalogue import Catalogue, Item
from services.recommendations.loading import ModelLoader
from services.recommendations.scorers import interface
from tests.integration.recommendations import small_models


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def times_away() -> float:
    return sample("akin_model_store_errors_total", kind="unavailable") or 0


def made_at(workspace: str) -> float | None:
    return sample("akin_model_created_timestamp_seconds", workspace=workspace)


def catalogue(epoch: int = 0) -> Catalogue:
    made = Catalogue(epoch)
    made.apply([Item(number, f"item-{number}") for number in range(3)], 1)
    return made


async def test_an_outage_of_the_store_is_logged_once_and_every_attempt_is_counted(
    store: ModelStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    loader, models, before = ModelLoader(store), tmp_path / "models", times_away()
    for outage in (1, 2):
        models.write_text("Not a folder any more.")
        for workspace in ("one", "two", "one"):
            assert await loader.follow(workspace, catalogue(), None) is None
        assert times_away() == before + 3 * outage
        assert caplog.text.count("The model store is away") == outage
        models.unlink()
        assert await loader.follow("one", catalogue(), None) is None


async def test_of_a_workspace_that_is_forgotten_no_figure_is_left(
    store: ModelStore, workspace: str
) -> None:
    small_models.publish(store, workspace, best=[0], size=3)
    loader = ModelLoader(store)
    model = await loader.follow(workspace, catalogue(), None)
    assert model is not None
    assert made_at(workspace)
    loader.forget(workspace)
    loader.forget(workspace)
    assert made_at(workspace) is None


async def test_what_was_refused_is_forgotten_with_its_workspace(
    store: ModelStore, workspace: str, caplog: pytest.LogCaptureFixture
) -> None:
    small_models.publish(store, workspace, best=[0], size=3)
    loader = ModelLoader(store)
    for _ in range(2):
        assert await loader.follow(workspace, catalogue(epoch=7), None) is None
    assert caplog.text.count("was refused") == 1
    loader.forget(workspace)
    assert await loader.follow(workspace, catalogue(epoch=7), None) is None
    assert caplog.text.count("was refused") == 2


async def test_a_model_of_a_large_catalogue_is_searched_and_one_of_a_small_one_is_not(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_models.publish(store, "w", best=[0], size=3)
    small = await ModelLoader(store).follow("w", catalogue(), None)
    monkeypatch.setattr(interface, "EXACT", 2)
    large = await ModelLoader(store).follow("w", catalogue(), None)
    monkeypatch.setitem(sys.modules, "services.recommendations.scorers.index", None)
    without = await ModelLoader(store).follow("w", catalogue(), None)
    assert [model and model.searches for model in (small, large, without)] == [False, True, False]
