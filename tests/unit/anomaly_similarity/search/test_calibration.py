"""Probabilities that hold: of pairs with probability p, a share of p is relevant."""

import numpy as np
import pytest

from services.anomaly_similarity.search.calibration import (
    EVEN,
    SAME,
    calibration_error,
    fit,
    prior,
    reliability,
    risk_coverage,
)

RANDOM = np.random.default_rng(0)
SCORES = RANDOM.random(4_000)
RELEVANT = RANDOM.random(4_000) < 1 / (1 + np.exp(-(8 * SCORES - 4)))
FIRST = np.ones(4_000, bool)


def test_the_odds_that_made_the_pairs_are_found():
    found = fit({"lsa": SCORES}, RELEVANT, FIRST)

    assert found is not None
    assert found.weights[0] == pytest.approx(8, rel=0.1)
    assert found.constant == pytest.approx(-4, rel=0.1)
    assert calibration_error(found.probability({"lsa": SCORES}), RELEVANT) < 0.02


def test_the_threshold_leaves_the_tenth_that_is_least_certain():
    found = fit({"lsa": SCORES}, RELEVANT, FIRST)

    assert found is not None
    assert (found.probability({"lsa": SCORES}) < found.threshold).mean() == pytest.approx(
        0.1, abs=0.01
    )


def test_what_is_more_likely_alike_than_not_is_never_abstained_from():
    found = fit({"lsa": SCORES}, RELEVANT, SCORES > 0.9)

    assert found is not None
    assert found.threshold == EVEN


def test_the_same_words_say_more_than_their_score():
    same = RANDOM.random(4_000) < 0.5
    words = np.where(same, 1.0, 0.9)
    relevant = RANDOM.random(4_000) < np.where(same, 0.95, 0.3)

    found = fit({"words": words}, relevant, FIRST)

    assert found is not None
    assert SAME in found.names
    said = found.probability({"words": np.array([1.0, 0.9])})
    assert said.tolist() == pytest.approx([0.95, 0.3], abs=0.03)


def test_too_few_pairs_of_a_sort_calibrate_nothing():
    assert fit({"lsa": SCORES}, np.zeros(4_000, bool), FIRST) is None
    assert fit({"lsa": SCORES[:40]}, RELEVANT[:40], FIRST[:40]) is None


def test_without_pairs_even_odds_are_assumed_at_a_half():
    assert prior("words").probability({"words": np.array([0.5])})[0] == pytest.approx(0.5)
    assert not prior("words").measured


def test_the_error_is_the_mean_gap():
    said = np.array([0.05] * 10 + [0.95] * 10)
    right = np.array([False] * 10 + [True] * 5 + [False] * 5)

    assert calibration_error(said, right) == pytest.approx((0.05 + 0.45) / 2)
    assert reliability(said, right) == [
        (pytest.approx(0.05), 0.0, 10),
        (pytest.approx(0.95), 0.5, 10),
    ]
    assert np.isnan(calibration_error(np.zeros(0), np.zeros(0, bool)))


def test_the_most_certain_answers_are_kept():
    risks = risk_coverage(
        np.array([0.9, 0.1, 0.8, 0.2]), np.array([True, False, True, False]), (1.0, 0.5)
    )

    assert risks == [(1.0, 0.5), (0.5, 0.0)]
