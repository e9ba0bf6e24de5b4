"""Shapes are compared whatever their level, strength and length."""

import numpy as np
import pytest

from services.anomaly_similarity.search.methods.shape import Shape
from tests.unit.anomaly_similarity.search.fleet import case

SPIKE = np.exp(-(np.linspace(-3, 3, 100) ** 2))


def score(one: np.ndarray | None, other: np.ndarray | None) -> float:
    method = Shape()
    method.add([case(1, "", shape=one)])
    return float(method.score([case(2, "", shape=other)])[0, 0])


def test_level_strength_and_length_make_no_difference():
    longer = np.interp(np.linspace(0, 99, 250), np.arange(100), SPIKE)

    assert score(SPIKE, 40 + 7 * longer) == pytest.approx(1, abs=1e-3)


def test_the_opposite_is_the_opposite():
    assert score(SPIKE, -SPIKE) == pytest.approx(-1, abs=1e-5)


def test_gaps_are_bridged():
    gaps = SPIKE.copy()
    gaps[::7] = np.nan

    assert score(SPIKE, gaps) > 0.99


@pytest.mark.parametrize("strength", [1e-300, 1e-12, 1e300])
def test_enormous_and_tiny_measurements_have_their_shape(strength: float):
    assert score(SPIKE, strength * SPIKE) == pytest.approx(1, abs=1e-5)
    assert score(SPIKE, np.array([1.7e308, -1.7e308, np.inf, 0.0])) != 0


@pytest.mark.parametrize(
    "shape", [None, np.zeros(0), np.ones(1), np.full(50, 3.2), np.full(9, np.nan)]
)
def test_what_has_no_shape_is_like_nothing(shape: np.ndarray | None):
    assert score(SPIKE, shape) == 0
