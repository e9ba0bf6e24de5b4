from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from services.recommendations.datasets import Dataset
from services.recommendations.models import TooLarge, ease
from services.recommendations.models.ease import Parameters
from services.recommendations.scoring import History, build_scorer


def dense(dataset: Dataset, regularisation: float) -> np.ndarray:
    """The formula of the paper, in double precision."""
    liked = np.zeros((40, 40))
    liked[dataset.interactions.users, dataset.interactions.items] = 1
    inverse = np.linalg.inv(liked.T @ liked + regularisation * np.eye(40))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    return np.asarray(weights)


def score(dataset: Dataset, parameters: Parameters, *items: int) -> np.ndarray:
    fitted = ease.fit(dataset, parameters).serving_with(half_life=None)
    scorer = build_scorer(fitted.arrays, fitted.serving)
    scorer.place(dataset.items, dataset.size)
    return scorer.score([History(np.array(items, np.int32), np.ones(len(items), np.float32))])[0]


@pytest.mark.parametrize("regularisation", [0.5, 20.0])
def test_it_is_the_closed_form_of_the_paper(checkerboard: Dataset, regularisation: float) -> None:
    weights = dense(checkerboard, regularisation)
    found = score(checkerboard, Parameters(regularisation=regularisation), 3, 8)
    assert np.allclose(found, weights[3] + weights[8], atol=1e-4)


def test_columns_in_parts_are_the_same(
    checkerboard: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ease.fit(checkerboard).arrays
    monkeypatch.setattr(ease, "COLUMNS_AT_ONCE", 7)
    parts = ease.fit(checkerboard).arrays
    assert all(np.allclose(whole[name], parts[name], atol=1e-6) for name in whole)


def test_only_the_largest_weights_to_each_item_are_kept(checkerboard: Dataset) -> None:
    fitted = ease.fit(checkerboard, Parameters(regularisation=5.0, neighbours=4))
    weights = dense(checkerboard, 5.0)
    assert np.bincount(fitted.arrays["targets"]).tolist() == [4] * 40
    starts = fitted.arrays["starts"]
    for source in range(40):
        part = slice(starts[source], starts[source + 1])
        for target, value in zip(
            fitted.arrays["targets"][part], fitted.arrays["weights"][part], strict=True
        ):
            assert value == pytest.approx(weights[source, target], abs=1e-4)
            smallest = np.sort(np.abs(weights[:, target]))[-4]
            assert abs(value) >= smallest - 1e-4


def test_what_one_person_liked_is_connected_to_nothing(
    make_checkerboard: Callable[..., Dataset],
) -> None:
    board = make_checkerboard(users=2, items=8)  # nobody shares a colour with anybody
    fitted = ease.fit(board)
    assert len(fitted.arrays["weights"]) == 0
    assert len(fitted.arrays["numbers"]) == len(np.unique(board.interactions.items))


def test_a_catalogue_beyond_the_memory_is_refused_with_the_figures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ease.psutil, "virtual_memory", lambda: SimpleNamespace(available=1e9))
    ease.require_room(10_000)
    with pytest.raises(TooLarge, match=r"20,000 items .* 1\.6 GB; it may have 0\.7 GB"):
        ease.require_room(20_000)


def test_a_catalogue_that_would_take_hours_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease.psutil, "virtual_memory", lambda: SimpleNamespace(available=1e15))
    with pytest.raises(TooLarge, match="50,000 items anywhere"):
        ease.require_room(ease.MOST_ITEMS + 1)
