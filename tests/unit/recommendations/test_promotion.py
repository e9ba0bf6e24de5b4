from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.model_store import Draft, ModelStore
from services.recommendations import promotion
from services.recommendations.datasets import Dataset
from services.recommendations.loading import MODEL
from services.recommendations.models import popularity
from services.recommendations.training import train_on

USERS = 120  # enough to compare by
LATER = 1_000_000.0  # seconds; after everything on the first board


@pytest.fixture
def earlier(make_checkerboard: Callable[..., Dataset]) -> Dataset:
    return make_checkerboard(users=USERS)


@pytest.fixture
def later(earlier: Dataset) -> Dataset:
    """The same people have liked more: the last third of what they liked came after the champion."""
    told = earlier.interactions
    newest = np.concatenate(
        [np.arange(n) >= n * 2 // 3 for n in np.diff(told.starts)]  # rows are ordered by time
    )
    return earlier.only(replace(told, times=told.times + LATER * newest))


def without_the_newest(later: Dataset) -> Dataset:
    return later.only(later.interactions.where(later.interactions.times < LATER))


def champion_of(store: ModelStore) -> str | None:
    current = store.current("default", MODEL)
    return current.version if current else None


def test_a_champion_that_does_as_well_on_new_likes_is_compared_by_them(
    later: Dataset, store: ModelStore
) -> None:
    train_on(without_the_newest(later), store, "default")
    report = train_on(later, store, "default")
    assert report.champion is not None
    assert report.champion.users >= promotion.ENOUGH
    assert "since that was trained" in report.reason


def test_a_worse_model_does_not_replace_the_champion(
    later: Dataset, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_on(without_the_newest(later), store, "default")
    before = champion_of(store)
    monkeypatch.setattr("services.recommendations.candidates.lightfm_or_none", lambda: None)
    report = train_on(later, store, "default")
    assert not report.promoted
    assert report.champion is not None
    assert report.champion.ndcg > report.rows[0].measures.ndcg
    assert champion_of(store) == before != report.version


def test_a_better_model_replaces_the_champion(
    later: Dataset, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("services.recommendations.candidates.lightfm_or_none", lambda: None)
        train_on(without_the_newest(later), store, "default")
    report = train_on(later, store, "default")
    assert report.promoted
    assert champion_of(store) == report.version
    manifest = store.manifest("default", MODEL, report.version)
    assert manifest.metrics["champion"]["ndcg"] < manifest.metrics["lightfm"]["ndcg"]
    assert manifest.metrics["advantage_over_champion"][1] > 0


def test_where_too_few_new_likes_can_tell_the_newer_data_wins(
    earlier: Dataset, store: ModelStore
) -> None:
    told = earlier.interactions
    train_on(earlier.only(told.where(np.arange(len(told)) != len(told) - 1)), store, "default")
    report = train_on(earlier, store, "default")
    assert report.promoted
    assert report.champion is None
    assert "too few" in report.reason


def test_and_yet_popularity_does_not_replace_what_could_not_be_trained_here(
    earlier: Dataset, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = train_on(earlier, store, "default").version
    monkeypatch.setattr("services.recommendations.candidates.lightfm_or_none", lambda: None)
    report = train_on(earlier, store, "default")
    assert not report.promoted
    assert "could not be trained here" in report.reason
    assert champion_of(store) == before


def test_a_champion_from_before_a_cleanup_has_nothing_to_say(
    checkerboard: Dataset, store: ModelStore
) -> None:
    train_on(checkerboard, store, "default")
    report = train_on(replace(checkerboard, epoch=1), store, "default")
    assert report.promoted
    assert "cleanup" in report.reason


def test_a_damaged_champion_is_replaced(
    checkerboard: Dataset, store: ModelStore, tmp_path: Path
) -> None:
    before = train_on(checkerboard, store, "default").version
    (file,) = tmp_path.glob(f"models/default/{MODEL}/{before}/factors.npy")
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1])
    report = train_on(checkerboard, store, "default", seed=1)
    assert report.promoted


def test_who_comes_second_changes_nothing(checkerboard: Dataset, store: ModelStore) -> None:
    seen = store.current("default", MODEL)
    slow = train_on(checkerboard, store, "default").version
    fast = train_on(checkerboard, store, "default", seed=1).version
    verdict = promotion.Verdict(True, "better")
    promoted, reason = promotion.promote(store, "default", slow, seen, verdict)
    assert not promoted
    assert "meanwhile" in reason
    assert champion_of(store) == fast


def test_a_model_that_this_release_cannot_serve_is_replaced(
    checkerboard: Dataset, store: ModelStore
) -> None:
    """A later release has published it, and this one was rolled back."""
    fitted = popularity.fit(checkerboard).serving_with(kind="from the future")
    data = train_on(checkerboard, store, "elsewhere").data
    draft = Draft(
        code_version="99",
        data=data,
        parameters={},
        serving=dict(fitted.serving),
        metrics={},
        protocol={},
    )
    published = store.publish("default", MODEL, arrays=fitted.arrays, manifest=draft)
    store.promote("default", MODEL, published.version, expected=None, reason="later release")
    report = train_on(checkerboard, store, "default")
    assert report.promoted
    assert "cannot be served" in report.reason
