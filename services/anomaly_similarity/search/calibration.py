"""From scores to the probability that an operator would call a case similar.

A logistic regression on the scores that the methods give a pair and on how far other cases dispute it
(`neighbours`), fitted to held-out pairs: the first cases of queries that nothing was fitted to, those without any relevant case
among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]

RIDGE = 1.0  # on weights of standardised scores
STEPS = 50  # of Newton's method; ten are usual
FEWEST = 30  # pairs of either sort; fewer say nothing of a probability
COMPARED, SAME = "words", "same"  # the method whose score is 1 for the same words; the feature
TINY = 1e-9
BINS = 10  # of the calibration error
ABSTAINED = (
    0.1  # share of the held-out queries that would at most be abstained from: of the tenth that is
)
# least certain two in three had no relevant first case on the work orders, of the next tenth half
EVEN = 0.5  # a case that is more likely alike than not is always shown
# Until there are pairs: even odds at a cosine of ½ of character n-grams. Assumed, not measured.
PRIOR_WEIGHT, PRIOR_CONSTANT, PRIOR_THRESHOLD = 6.0, -3.0, 0.2


@dataclass(frozen=True)
class Calibration:
    """weights · scores + constant is the log odds; below `threshold` the answer is "no similar case"."""

    names: tuple[str, ...]
    weights: Doubles
    constant: float
    threshold: float
    measured: bool = True

    def probability(self, scores: Mapping[str, NDArray[Any]]) -> Doubles:
        """Return the probabilities, of the shape of the scores."""
        told = features(scores)
        odds = np.full(next(iter(scores.values())).shape, self.constant, np.float64)
        for name, weight in zip(self.names, self.weights.tolist(), strict=True):
            odds += weight * told[name]
        found: Doubles = 1 / (1 + np.exp(-np.clip(odds, -50, 50)))
        return found


def features(scores: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the scores, and whether all words are the same where the words were compared."""
    told = dict(scores)
    if COMPARED in told:
        told[SAME] = (told[COMPARED] > 1 - 1e-3).astype(np.float32)
    return told


def prior(name: str) -> Calibration:
    """Return what holds before anything was judged: by the score of this method alone."""
    return Calibration((name,), np.array([PRIOR_WEIGHT]), PRIOR_CONSTANT, PRIOR_THRESHOLD, False)


def fit(scores: Mapping[str, NDArray[Any]], relevant: Flags, first: Flags) -> Calibration | None:
    """Return the calibration by pairs (n,); `first` tells which are the first case of their query.

    None where there are too few pairs of either sort.
    """
    if min(relevant.sum(), (~relevant).sum()) < FEWEST:
        return None
    told = features(scores)
    columns = np.stack([np.asarray(each, np.float64) for each in told.values()], axis=1)
    means, deviations = columns.mean(axis=0), np.maximum(columns.std(axis=0), TINY)
    solved = _newton((columns - means) / deviations, relevant.astype(np.float64))
    weights = solved[:-1] / deviations
    constant = float(solved[-1] - weights @ means)
    found = Calibration(tuple(told), weights, constant, 0.0)
    of_first = found.probability(scores)[first]
    threshold = min(EVEN, float(np.quantile(of_first, ABSTAINED))) if len(of_first) else EVEN
    return replace(found, threshold=threshold)


def _newton(features: Doubles, wanted: Doubles) -> Doubles:
    """Return the weights and, last, the constant of a ridge-regularised logistic regression."""
    columns = np.hstack([features, np.ones((len(features), 1))])
    ridge = np.diag([RIDGE] * features.shape[1] + [0.0])
    solution = np.zeros(columns.shape[1])
    for _ in range(STEPS):
        said = 1 / (1 + np.exp(-np.clip(columns @ solution, -50, 50)))
        slope = columns.T @ (said - wanted) + ridge @ solution
        curve = (columns * (said * (1 - said))[:, None]).T @ columns + ridge
        step = np.linalg.lstsq(curve, slope, rcond=None)[0]
        solution -= step
        if np.abs(step).max() < 1e-9:
            break
    return solution


def reliability(probabilities: Doubles, relevant: Flags) -> list[tuple[float, float, int]]:
    """Return for each bin that is not empty the mean probability, the share that is relevant, and the number."""
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    return [
        (float(probabilities[there].mean()), float(relevant[there].mean()), int(there.sum()))
        for there in (bins == each for each in range(BINS))
        if there.any()
    ]


def calibration_error(probabilities: Doubles, relevant: Flags) -> float:
    """Return the expected calibration error: the mean of |share - probability| over even bins (Guo, 2017)."""
    if not len(probabilities):
        return float("nan")
    bins = reliability(probabilities, relevant)
    return sum(number * abs(said - share) for said, share, number in bins) / len(probabilities)


def risk_coverage(
    probabilities: Doubles, right: Flags, coverages: Sequence[float]
) -> list[tuple[float, float]]:
    """Return (coverage, share that is wrong) when only the most certain answers are given."""
    order = np.argsort(-probabilities, kind="stable")
    found = []
    for coverage in coverages:
        kept = order[: max(1, round(coverage * len(order)))]
        found.append((coverage, float(1 - right[kept].mean()) if len(kept) else float("nan")))
    return found
