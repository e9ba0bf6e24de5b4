from __future__ import annotations

import numpy as np
import pytest

from services.recommendations.top import SAMPLE, quick_top, top

SIZE = 20_000


def drawn(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(SIZE).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 10, 100])
def test_the_quick_way_finds_the_same_as_the_thorough_one(seed: int, count: int) -> None:
    scores = drawn(seed)
    allowed = np.ones(SIZE, bool)
    allowed[np.argsort(-scores)[: 2 * count]] = False
    quick = quick_top(scores, allowed, count, skipped=2 * count)
    assert quick is not None
    assert quick.tolist() == top(scores, allowed, count).tolist()
    assert quick.tolist() == np.argsort(-scores, kind="stable")[2 * count : 3 * count].tolist()


def test_too_few_above_the_threshold_is_left_to_the_thorough_way() -> None:
    scores, allowed = drawn(0), np.zeros(SIZE, bool)
    allowed[np.argsort(scores)[:50]] = True
    assert quick_top(scores, allowed, 10, skipped=0) is None
    assert top(scores, allowed, 10).tolist() == np.argsort(scores)[:50][::-1][:10].tolist()


@pytest.mark.parametrize("size", [0, 1, SAMPLE - 1])
def test_a_small_catalogue_is_looked_through(size: int) -> None:
    assert quick_top(np.zeros(size, np.float32), np.ones(size, bool), 1, skipped=0) is None


def test_equal_scores_are_left_to_the_thorough_way() -> None:
    scores, allowed = np.zeros(SIZE, np.float32), np.ones(SIZE, bool)
    assert quick_top(scores, allowed, 10, skipped=0) is None
    assert len(top(scores, allowed, 10)) == 10


def test_what_is_no_number_is_never_among_the_quickly_found() -> None:
    scores = drawn(1)
    scores[::7] = np.nan
    quick = quick_top(scores, np.ones(SIZE, bool), 10, skipped=0)
    assert quick is None or np.isfinite(scores[quick]).all()
    scores[3] = np.inf
    assert quick_top(scores, np.ones(SIZE, bool), 10, skipped=0) is None


def test_there_are_never_more_than_are_allowed() -> None:
    scores, allowed = drawn(2), np.zeros(SIZE, bool)
    assert top(scores, allowed, 5).tolist() == []
    allowed[[4, 9]] = True
    assert sorted(top(scores, allowed, 5).tolist()) == [4, 9]
