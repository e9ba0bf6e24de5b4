"""The best are those of a sort, and a rival that is unlike a match speaks against it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.anomaly_similarity.search.neighbours import BLOCK, highest, undisputed


@given(st.integers(0, 3 * BLOCK), st.integers(1, 9), st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_the_highest_are_those_of_a_sort_the_last_of_equal_ones_first(
    size: int, values: int, count: int, seed: int
):
    scores = np.random.default_rng(seed).integers(0, values, size).astype(np.float32)

    expected = np.lexsort((-np.arange(size), -scores))[:count]

    assert highest(scores, count).tolist() == expected.tolist()


BEST = np.array([0.9, 0.6], np.float32)


def test_a_match_with_which_the_best_agree_keeps_its_score():
    assert undisputed(BEST[:1], BEST, np.ones((1, 2))).tolist() == pytest.approx([0.9])


def test_a_rival_that_is_unlike_the_match_takes_its_share():
    likeness = np.array([[1.0, 0.25], [0.25, 1.0]], np.float32)

    expected = [0.9 * (1 - 2 / 3 * 0.75), 0.6 * 2 / 3 * (1 - 0.75)]
    assert undisputed(BEST, BEST, likeness).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("best", [[], [0.0], [-0.1]])
def test_where_nothing_resembles_the_query_nothing_is_left(best: list[float]):
    likeness = np.ones((1, len(best)), np.float32)

    assert undisputed(np.zeros(1, np.float32), np.array(best, np.float32), likeness).tolist() == [0]
