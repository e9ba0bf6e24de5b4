from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
import pytest

from services.model_store import ModelStore
from services.recommendations.catalogue import Item
from services.recommendations.datasets import Dataset, NotEnoughData, from_columns
from services.recommendations.grids import WITHOUT_ALS, WITHOUT_LIGHTFM
from services.recommendations.loading import MODEL
from services.recommendations.scoring import History, load_scorer
from services.recommendations.training import train_on

ITEMS = [Item(number, f"item-{number}") for number in range(4)]


@pytest.fixture
def without_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    for package, module in (("lightfm", "lightfm"), ("implicit", "als"), ("implicit.als", "als")):
        monkeypatch.setitem(sys.modules, package, None)
        monkeypatch.delitem(sys.modules, f"services.recommendations.models.{module}", raising=False)
        monkeypatch.delattr(f"services.recommendations.models.{module}", raising=False)


def told(*rows: tuple[str, int, float]) -> Dataset:
    users, items, weights = ([row[column] for row in rows] for column in range(3))
    return Dataset(from_columns(users, items, weights, list(range(len(rows)))), ITEMS)


def test_the_better_model_is_published_promoted_and_can_be_served(
    checkerboard: Dataset, store: ModelStore
) -> None:
    report = train_on(checkerboard, store, "default")
    rows = {row.model: row for row in report.rows}
    assert list(rows) == ["popularity", "ease", "als", "lightfm"]
    assert rows[report.chosen].measures.ndcg > rows["popularity"].measures.ndcg
    assert report.advantage[1] > 0
    assert report.promoted
    current = store.current("default", MODEL)
    assert current is not None
    assert (current.version, current.reason) == (report.version, report.reason)
    scorer = load_scorer(store.load("default", MODEL, report.version))
    scorer.place(checkerboard.items, checkerboard.size)
    (scores,) = scorer.score([History(np.array([1, 3], np.int32), np.ones(2, np.float32))])
    assert set(np.argsort(-scores)[:8] % 2) == {1}


def test_the_manifest_says_what_it_was_made_of_and_how_good_it_is(
    checkerboard: Dataset, store: ModelStore
) -> None:
    report = train_on(replace(checkerboard, epoch=4), store, "default", seed=9)
    manifest = store.manifest("default", MODEL, report.version)
    assert manifest.data == report.data
    assert (manifest.data.rows, manifest.data.users, manifest.data.items) == (600, 40, 40)
    assert manifest.parameters["seed"] == 9
    assert manifest.serving["epoch"] == 4
    assert manifest.metrics["ease"]["ndcg"] == report.rows[1].measures.ndcg
    assert manifest.metrics["advantage_over_popularity"] == list(report.advantage)
    assert manifest.protocol["split"] == report.protocol


def test_the_same_snapshot_and_seed_give_the_same_version_and_change_nothing(
    checkerboard: Dataset, store: ModelStore
) -> None:
    first = train_on(checkerboard, store, "default")
    again = train_on(checkerboard, store, "default")
    other = train_on(checkerboard, store, "elsewhere", seed=1)
    assert again.version == first.version != other.version
    assert not again.promoted
    assert "Nothing has changed" in again.reason
    assert len(store.history("default", MODEL)) == 1


def test_without_the_extra_the_other_models_are_trained_and_the_report_says_so(
    checkerboard: Dataset, store: ModelStore, without_extras: None
) -> None:
    report = train_on(checkerboard, store, "default")
    assert [row.model for row in report.rows] == ["popularity", "ease"]
    assert report.promoted
    assert report.notes[:2] == [WITHOUT_ALS, WITHOUT_LIGHTFM]
    assert [note[:12] for note in report.notes[2:]] == ["rlfm learns "]  # the board has likes only


@pytest.mark.parametrize(
    ("dataset", "sentence"),
    [
        (Dataset(from_columns([], [], [], []), []), "no items"),
        (Dataset(from_columns([], [], [], []), ITEMS), "Nobody has liked"),
        (told(("a", 0, -1), ("b", 1, -1), ("b", 2, -0.3)), "Nobody has liked"),
        (told(("a", 0, 1), ("a", 1, 1), ("a", 2, 1)), "one person"),
        (told(("a", 0, 1), ("b", 0, 1)), "two items"),
        (told(("a", 0, 1), ("b", 1, 1)), "second item"),
        (replace(told(("a", 0, 1), ("b", 1, 1)), items=[Item(0, "x", listed=False)]), "no items"),
    ],
)
def test_too_little_data_is_a_sentence_and_the_champion_stays(
    dataset: Dataset, sentence: str, store: ModelStore, checkerboard: Dataset
) -> None:
    champion = train_on(checkerboard, store, "default").version
    with pytest.raises(NotEnoughData, match=sentence):
        train_on(dataset, store, "default")
    current = store.current("default", MODEL)
    assert current is not None
    assert current.version == champion


def test_the_least_that_can_be_learned_from_is_learned_from(store: ModelStore) -> None:
    least = told(("a", 0, 1), ("b", 1, 1), ("a", 1, 1), ("b", 0, 1), ("c", 3, -1))
    assert train_on(least, store, "default").promoted


def test_progress_only_ever_grows_and_ends_at_one(checkerboard: Dataset, store: ModelStore) -> None:
    told: list[float] = []
    train_on(checkerboard, store, "default", report=lambda _stage, share: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1


def test_the_report_can_be_written_as_json_but_for_its_times(
    checkerboard: Dataset, store: ModelStore
) -> None:
    report = train_on(checkerboard, store, "default")
    rows = json.loads(json.dumps([asdict(row) for row in report.rows]))
    assert rows[1]["measures"]["users"] == 40


def test_unusual_reactions_do_not_upset_it(
    make_checkerboard: Callable[..., Dataset], store: ModelStore
) -> None:
    """Items that only events named, items without anything, and a user from the year 9000."""
    board = make_checkerboard()
    items = [
        *(replace(item, listed=item.number != 3, hidden=item.number == 4) for item in board.items),
        Item(40, "bare"),
    ]
    times = board.interactions.times.copy()
    times[-1] = 2e11
    told = replace(board.interactions, times=times)
    assert train_on(replace(board, interactions=told, items=items), store, "default").promoted
