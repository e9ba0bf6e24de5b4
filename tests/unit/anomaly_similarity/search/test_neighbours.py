"""The best are those of a sort, and a rival that is unlike a match speaks against it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.anomaly_similarity.search.neighbours import BEHIND, BLOCK, DISSENT, against, highest


@given(st.integers(0, 3 * BLOCK), st.integers(1, 9), st.integers(0, 20), st.integers(0, 2**32 - 1))
def test_the_highest_are_those_of_a_sort_the_last_of_equal_ones_first(
    size: int, values: int, count: int, seed: int
):
    scores = np.random.default_rng(seed).integers(0, values, size).astype(np.float32)

    expected = np.lexsort((-np.arange(size), -scores))[:count]

    assert highest(scores, count).tolist() == expected.tolist()


def test_only_a_rival_that_is_unlike_the_match_speaks_against_it():
    best = np.array([0.9, 0.8], np.float32)
    same, other = np.array([[1.0, 1.0], [1.0, 1.0]]), np.array([[1.0, 0.25], [0.25, 1.0]])

    agreed, doubted = against(best, best, same), against(best, best, other)

    assert agreed[DISSENT].tolist() == [0, 0]
    assert doubted[DISSENT].tolist() == pytest.approx([0.8 * 0.75, 0.9 * 0.75])
    assert doubted[BEHIND].tolist() == pytest.approx([0, 0.1])


def test_where_nothing_was_found_nothing_speaks_against():
    found = against(np.zeros(1, np.float32), np.zeros(0, np.float32), np.zeros((1, 0), np.float32))

    assert [values.tolist() for values in found.values()] == [[0], [0]]
