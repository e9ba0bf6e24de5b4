"""The items of a large catalogue that one person may like best, and the scores of any others on demand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.recommendations.scoring import Floats, History, Ints, Scorer, Taste

NOMINATED = 1_000  # by each part of a model: ten lists of the widest choice that diversity makes
# Times as many as a list needs: the lower an item stands on a shortlist, the more often what was not
# nominated would have been better.
DEPTH = 4


class Shortlist(NamedTuple):
    """Numbers, ascending, with their scores: nearly all of the highest ones of a catalogue."""

    numbers: Ints
    scores: Floats
    taste: Taste

    def allowed(self, allowed: NDArray[np.bool_], seen: Ints) -> NDArray[np.bool_]:
        """Return which of these may appear: `allowed`, by number, and not among the seen numbers."""
        usable = np.isin(self.numbers, seen, invert=True)
        usable &= self.numbers < len(allowed)  # it may have been added after the mask was made
        usable &= allowed.take(self.numbers, mode="clip")
        return usable

    def best(self, allowed: NDArray[np.bool_], count: int) -> tuple[Ints, Floats]:
        """Return the `count` highest where `allowed`, by number, highest first, and their scores."""
        usable = self.allowed(allowed, self.numbers[:0])
        numbers, scores = self.numbers[usable], self.scores[usable]
        order = np.argsort(-scores, kind="stable")[:count]
        return numbers[order], scores[order]


def shortlists(scorer: Scorer, histories: Sequence[History]) -> list[Shortlist | None]:
    """Return a shortlist for each history; None for one that is to be scored for all items."""
    return [None if taste is None else _shortlist(taste) for taste in scorer.tastes(histories)]


def _shortlist(taste: Taste) -> Shortlist:
    numbers = taste.best(NOMINATED)
    return Shortlist(numbers, taste.at(numbers), taste)
