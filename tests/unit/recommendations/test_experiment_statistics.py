"""Intervals that hold what they promise, on data whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.recommendations.experiment_statistics import Rate, difference, ratio, sample_ratio

RUNS = 400  # a 95 % interval misses 20 ± 4.4 times


def arrays(*values: list[float]) -> list[NDArray[np.float64]]:
    return [np.array(each, float) for each in values]


def simulated(generator: np.random.Generator, rate: float, users: int = 200) -> Rate:
    """Return the rate that is measured of users who differ in taste and in how many lists they see."""
    lists = generator.geometric(0.2, users)
    tastes = generator.beta(2 * rate, 2 * (1 - rate), users)
    return ratio(generator.binomial(10 * lists, tastes).astype(float), 10.0 * lists)


def test_a_rate_is_the_ratio_of_the_sums() -> None:
    rate = ratio(*arrays([1, 0, 2], [10, 10, 20]))
    assert rate.value == 3 / 40
    low, high = rate.interval or (0, 0)
    assert low < 3 / 40 < high


def test_the_error_of_one_list_each_is_that_of_a_mean() -> None:
    liked = np.array([1.0, 0, 0, 1, 0, 0, 0, 1])
    rate = ratio(liked, np.ones(8))
    assert rate.error == pytest.approx(liked.std(ddof=1) / np.sqrt(8))


def test_the_same_user_twice_as_often_says_nothing_more() -> None:
    once, twice = (ratio(*arrays([1, 0, 3], [5, 5, 5])), ratio(*arrays([2, 0, 6], [10, 10, 10])))
    assert once == twice


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    generator = np.random.default_rng(0)
    intervals = [simulated(generator, 0.1).interval or (1, 0) for _ in range(RUNS)]
    misses = sum(not low <= 0.1 <= high for low, high in intervals)
    assert misses <= 0.05 * RUNS + 3 * np.sqrt(0.05 * 0.95 * RUNS)
    # Were places independent, as they are not, the interval would be several times as narrow.
    widths = np.mean([high - low for low, high in intervals])
    assert widths > 3 * 2 * 1.96 * np.sqrt(0.1 * 0.9 / (200 * 5 * 10))


def test_nothing_is_found_where_there_is_no_difference_but_for_one_time_in_twenty() -> None:
    generator = np.random.default_rng(1)
    found = [difference(simulated(generator, 0.1), simulated(generator, 0.1)) for _ in range(RUNS)]
    significant = sum(each.p_value < 0.05 for each in found if each)
    assert significant <= 0.05 * RUNS + 3 * np.sqrt(0.05 * 0.95 * RUNS)


def test_a_difference_that_is_there_is_found() -> None:
    generator = np.random.default_rng(2)
    found = difference(simulated(generator, 0.2, 2_000), simulated(generator, 0.1, 2_000))
    assert found is not None
    assert 0 < found.low < 0.1 < found.high
    assert found.p_value < 0.001


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(5, 9)), min_size=3, max_size=20))
def test_a_p_value_below_five_percent_is_an_interval_without_zero(
    users: list[tuple[int, int]],
) -> None:
    rate = ratio(*(np.array(column, float) for column in zip(*users, strict=True)))
    found = difference(rate, ratio(*arrays([1, 0, 1, 0], [4, 4, 4, 4])))
    if found is not None and abs(found.p_value - 0.05) > 1e-6:
        assert (found.p_value < 0.05) == (not found.low <= 0 <= found.high)


@pytest.mark.parametrize(
    ("liked", "shown"), [([], []), ([0], [0]), ([1], [5]), ([0, 0], [5, 5]), ([1, 2], [1, 2])]
)
def test_no_interval_where_nothing_can_be_said(liked: list[float], shown: list[float]) -> None:
    rate = ratio(*arrays(liked, shown))
    assert rate.interval is None
    assert difference(rate, ratio(*arrays([1, 0, 1], [2, 2, 2]))) is None


def test_a_split_as_promised_is_believed_and_a_broken_one_is_not() -> None:
    assert not sample_ratio([5_030, 4_970], [50, 50]).suspicious
    assert not sample_ratio([9_000, 1_000], [90, 10]).suspicious
    broken = sample_ratio([5_300, 4_700], [50, 50])
    assert broken.suspicious
    assert broken.chi_square == pytest.approx(36)


def test_a_handful_of_users_says_nothing_about_the_split() -> None:
    told = sample_ratio([8, 0], [50, 50])
    assert (told.p_value, told.suspicious) == (None, False)
