from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.recommendations.exploration import draw_popular, draw_uniform


@given(st.lists(st.booleans(), max_size=60), st.integers(-1, 80), st.integers(0, 2**32))
def test_as_many_distinct_allowed_numbers_as_wanted_or_there_are(
    mask: list[bool], count: int, seed: int
) -> None:
    allowed = np.array(mask, bool)
    drawn = draw_uniform(np.random.default_rng(seed), allowed, count)
    assert len(drawn) == len(set(drawn)) == min(max(count, 0), sum(mask))
    assert all(mask[number] for number in drawn)


def test_all_allowed_numbers_are_equally_likely() -> None:
    allowed = np.zeros(100, bool)
    allowed[::2] = True
    generator = np.random.default_rng(0)
    drawn = [n for _ in range(2_000) for n in draw_uniform(generator, allowed, 5)]
    counts = np.bincount(drawn, minlength=100)[::2]
    # 200 each on average; five standard deviations of a binomial are 70.
    assert counts.min() > 130
    assert counts.max() < 270


def test_the_only_allowed_number_among_very_many_is_found() -> None:
    allowed = np.zeros(100_000, bool)
    allowed[77_777] = True
    assert draw_uniform(np.random.default_rng(0), allowed, 10) == [77_777]


@given(st.integers(0, 30), st.integers(-1, 40), st.integers(0, 2**32))
def test_a_popular_draw_has_distinct_items_of_the_pool(size: int, count: int, seed: int) -> None:
    pool = list(range(100, 100 + size))
    weights = np.arange(1, size + 1, dtype=np.float32)
    drawn = draw_popular(np.random.default_rng(seed), pool, weights, count)
    assert len(drawn) == len(set(drawn)) == min(size, max(count, 0))
    assert set(drawn) <= set(pool)


def test_the_first_drawn_is_drawn_in_proportion_to_its_weight() -> None:
    """Plackett-Luce: the first of the sample is item i with probability w_i / Σ w."""
    generator = np.random.default_rng(0)
    weights = np.array([1, 3, 6], np.float32)
    first = [draw_popular(generator, [0, 1, 2], weights, 2)[0] for _ in range(5_000)]
    shares = np.bincount(first, minlength=3) / 5_000
    assert np.abs(shares - [0.1, 0.3, 0.6]).max() < 0.035  # five standard deviations
