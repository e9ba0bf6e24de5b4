"""The highest scores among what may appear."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.recommendations.scoring import Floats, Ints
from services.recommendations.shortlist import Shortlist

SAMPLE = 1_024  # scores from which the threshold is guessed: partitioning so few takes 10 µs
ENOUGH = 2.0  # times as many candidates are aimed for as could be needed
SPARE = 4  # sampled scores above the threshold at least: with fewer, the guess is too uncertain

Numbers = NDArray[np.intp]


def highest(
    scores: Floats | Shortlist, allowed: NDArray[np.bool_], count: int, skipped: int
) -> tuple[Ints, Floats]:
    """Return the numbers of the `count` highest where `allowed`, highest first, and their scores.

    Of scores by number or of a shortlist. See `quick_top` for `skipped`.
    """
    if isinstance(scores, Shortlist):
        return scores.best(allowed, count)
    best = quick_top(scores, allowed, count, skipped=skipped)
    if best is None:
        scores = _usable(scores, len(allowed))
        best = top(scores, allowed, count)
    return best.astype(np.int32), scores[best]


def quick_top(
    scores: NDArray[np.float32], allowed: NDArray[np.bool_], count: int, *, skipped: int
) -> Numbers | None:
    """Return the numbers of the `count` highest scores where `allowed`, highest first, or None.

    It guesses a threshold from a sample and sorts only what lies above it, which at a million scores
    is thirty times as fast as partitioning them all. None: so few lie above it that `top` is needed.
    `skipped` is how many of the highest scores may be ones that are not allowed.
    """
    size = len(scores)
    if size != len(allowed) or size < SAMPLE:
        return None
    sample = scores[:: size // SAMPLE]
    above = SPARE + int(ENOUGH * (count + skipped) * len(sample) / size)
    if above >= len(sample) // 2:
        return None
    threshold = np.partition(sample, -above)[-above]
    numbers = np.flatnonzero(scores > threshold)  # never true of NaN
    numbers = numbers[allowed[numbers]]
    if len(numbers) < count:
        return None
    best = numbers[_highest(scores[numbers], count)]
    return best if scores[best[0]] < np.inf else None


def top(scores: NDArray[np.float32], allowed: NDArray[np.bool_], count: int) -> Numbers:
    """Return the numbers of the `count` highest scores where `allowed`, or of as many as there are."""
    numbers = np.flatnonzero(allowed)
    count = min(count, len(numbers))
    if not count:
        return numbers
    return numbers[_highest(scores[numbers], count)]


def _highest(values: NDArray[np.float32], count: int) -> Numbers:
    best = np.argpartition(values, len(values) - count)[len(values) - count :]
    return best[np.argsort(-values[best], kind="stable")]


def _usable(scores: Floats, size: int) -> Floats:
    """Return `size` finite scores; what has none, because it is newer than the scores, comes last."""
    scores = scores[:size]
    finite = np.isfinite(scores)
    if len(scores) == size and finite.all():
        return scores
    lowest = scores[finite].min(initial=0.0)
    usable = np.full(size, lowest, np.float32)
    usable[: len(scores)] = np.where(finite, scores, lowest)
    return usable
