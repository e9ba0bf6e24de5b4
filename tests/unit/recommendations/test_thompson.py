from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.recommendations.thompson import (
    HIGHEST,
    LOWEST,
    PRIOR_LIKES,
    START_RATE,
    UNSHOWN_LIKES,
    draw,
    like_rate,
    posterior,
)

counts = st.lists(st.tuples(st.integers(0, 1_000), st.integers(0, 1_000)), min_size=1, max_size=20)


def floats(*values: float) -> NDArray[np.float32]:
    return np.array(values, np.float32)


@given(counts, st.floats(LOWEST, HIGHEST))
def test_a_posterior_is_proper_whatever_was_counted(
    counted: list[tuple[int, int]], rate: float
) -> None:
    likes, shows = np.array(counted, np.float32).T
    alpha, beta = posterior(likes, shows, rate)
    assert (alpha > 0).all()
    assert (beta > 0).all()
    assert (alpha + beta <= 1.01 * (PRIOR_LIKES / rate + shows + UNSHOWN_LIKES)).all()


def test_what_was_never_shown_has_the_rate_of_the_installation() -> None:
    alpha, beta = posterior(floats(0), floats(0), 0.25)
    assert alpha / (alpha + beta) == pytest.approx(0.25)


def test_likes_raise_and_shows_without_a_like_lower_what_is_expected() -> None:
    alpha, beta = posterior(floats(0, 1, 2, 0, 0), floats(2, 2, 2, 10, 100), 0.2)
    mean = alpha / (alpha + beta)
    assert mean.argsort().tolist() == [4, 3, 0, 1, 2]


def test_likes_of_what_was_never_shown_count_a_little_only() -> None:
    """A thousand imported likes say that it is liked, not by how many of those who saw it."""
    alpha, beta = posterior(floats(1_000, 5), floats(0, 0), 0.2)
    assert alpha[0] == alpha[1]
    assert alpha[0] + beta[0] == pytest.approx(PRIOR_LIKES / 0.2 + UNSHOWN_LIKES)


def test_the_rate_begins_somewhere_and_follows_what_is_counted() -> None:
    assert like_rate(floats(), floats()) == pytest.approx(START_RATE)
    assert like_rate(floats(500), floats(1_000)) == pytest.approx(0.5, abs=0.05)
    assert like_rate(floats(9e6, 0), floats(0, 0)) == pytest.approx(START_RATE)
    assert like_rate(floats(0), floats(1e6)) == LOWEST
    assert like_rate(floats(1e6), floats(1e6)) == HIGHEST


def test_draws_have_the_mean_and_the_spread_of_the_distribution() -> None:
    alpha, beta = floats(0.8, 5, 300), floats(3.2, 5, 700)
    drawn = draw(np.random.default_rng(0), alpha, beta, rows=20_000)
    mean = alpha / (alpha + beta)
    spread = np.sqrt(mean * (1 - mean) / (alpha + beta + 1))
    # Five standard errors of a mean, and of a standard deviation, of 20,000.
    assert (np.abs(drawn.mean(axis=0) - mean) < 0.036 * spread).all()
    assert drawn.std(axis=0) == pytest.approx(spread, rel=0.04)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
