"""The statistics of experiments. Users were split at random, so users are what varies.

Lists of one user are alike, and treating them as independent makes intervals too narrow. A rate is a
ratio of sums over users, R = Σ y / Σ n, and its standard error is the linearised one of a ratio:

    Var(R) ≈ k / (k - 1) · Σ (y_u - R n_u)² / (Σ n_u)²      over k users

(Deng, Knoblich & Lu, "Applying the Delta Method in Metric Analytics", KDD 2018; the same as the
cluster-robust error of a regression on a constant). Intervals and tests use Student's t with k - 1
degrees of freedom, differences Welch's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, stdtr, stdtrit

CONFIDENCE = 0.95
MIN_EXPECTED = 5  # users a variant should have before chi-square says anything (Cochran 1954)
# Below it the split is broken: at .05 one sound experiment in twenty would be thrown away (Fabijan et
# al., "Diagnosing Sample Ratio Mismatch", KDD 2019).
SUSPICIOUS = 0.001

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rate:
    """A ratio of sums over users. `error` is its standard error, None where nothing can be said of it:
    fewer than two users, or no variation among them."""

    value: float | None
    error: float | None
    freedom: int  # degrees of freedom of `error`

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return the bounds between which the rate lies with 95 % confidence; no rate is below zero."""
        if self.value is None or self.error is None:
            return None
        half = _quantile(self.freedom) * self.error
        return max(0.0, self.value - half), self.value + half


@dataclass(frozen=True, slots=True)
class Difference:
    """How much a rate is above another one, its 95 % interval, and the two-sided p-value of none."""

    value: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Whether as many users came to each variant as its share says; None while there are too few."""

    chi_square: float | None
    p_value: float | None

    @property
    def suspicious(self) -> bool:
        """Tell whether the experiment should not be believed."""
        return self.p_value is not None and self.p_value < SUSPICIOUS


def ratio(numerators: Floats, denominators: Floats) -> Rate:
    """Return Σ numerators / Σ denominators, of which each user has one of either."""
    users, total = len(numerators), float(denominators.sum())
    if not total:
        return Rate(None, None, 0)
    value = float(numerators.sum()) / total
    residuals = numerators - value * denominators
    if users < 2 or not residuals.any():
        return Rate(value, None, max(0, users - 1))
    variance = users / (users - 1) * float(residuals @ residuals) / total**2
    return Rate(value, float(np.sqrt(variance)), users - 1)


def difference(rate: Rate, control: Rate) -> Difference | None:
    """Return `rate` minus `control`, of different users; None where either has no error."""
    if rate.value is None or rate.error is None or control.value is None or control.error is None:
        return None
    variance = rate.error**2 + control.error**2
    spread = rate.error**4 / rate.freedom + control.error**4 / control.freedom
    freedom = variance**2 / spread if spread else rate.freedom
    error, value = float(np.sqrt(variance)), rate.value - control.value
    half = _quantile(freedom) * error
    p_value = 2 * float(stdtr(freedom, -abs(value) / error))
    return Difference(value, value - half, value + half, p_value)


def sample_ratio(users: Sequence[int], shares: Sequence[float]) -> SampleRatio:
    """Return Pearson's chi-square test of the users of each variant against its share."""
    observed, weights = np.array(users, float), np.array(shares, float)
    expected = observed.sum() * weights / weights.sum()
    if expected.min() < MIN_EXPECTED:
        return SampleRatio(None, None)
    chi_square = float(((observed - expected) ** 2 / expected).sum())
    return SampleRatio(chi_square, float(chdtrc(len(observed) - 1, chi_square)))


def _quantile(freedom: float) -> float:
    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
