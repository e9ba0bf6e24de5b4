"""A weighted sum of other models' scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from services.recommendations.catalogue import Item
from services.recommendations.scorers.interface import Floats, History, Scorer

TINY = np.float32(1e-9)  # below it all scores are equal, and stay 0


def own_arrays(arrays: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the arrays of a blend that belong to one of its parts."""
    prefix = f"{name}."
    return {key[len(prefix) :]: array for key, array in arrays.items() if key.startswith(prefix)}


class BlendScorer:
    """Each part's scores divided by their standard deviation over the items, for each history on its own,
    then summed by weights: models speak in units of their own, and more loudly for longer histories.
    (Taking away the mean too would change nothing: it is the same for all items of a history.)

    An item that only one part knows (a new one, by its features) is ranked by that part alone.
    """

    def __init__(self, parts: Sequence[Scorer], weights: Sequence[float]) -> None:
        if len(parts) != len(weights) or not parts:
            raise ValueError("A blend has one weight for each of its parts, and one part at least.")
        self._parts = list(parts)
        self._weights = [np.float32(weight) for weight in weights]

    @property
    def popularity(self) -> Floats:
        """See `Scorer`."""
        return self._parts[0].popularity

    def place(self, items: Sequence[Item], size: int) -> None:
        """See `Scorer`."""
        for part in self._parts:
            part.place(items, size)

    def score(self, histories: Sequence[History]) -> Floats:
        """See `Scorer`."""
        total = np.zeros((len(histories), len(self.popularity)), np.float32)
        for part, weight in zip(self._parts, self._weights, strict=True):
            scores = part.score(histories)
            scores *= weight / np.maximum(_spread(scores), TINY)
            total += scores
        for row, history in enumerate(histories):
            if self._silent(history):
                total[row] = self.popularity
        return total

    def _silent(self, history: History) -> bool:
        known = (history.items >= 0) & (history.items < len(self.popularity))
        return not (history.weights[known] != 0).any()

    def alike(self, number: int) -> Floats:
        """See `Scorer`. The parts' similarities, by their weights."""
        return self._mean([part.alike(number) for part in self._parts])

    def pairwise(self, numbers: Sequence[int]) -> Floats:
        """See `Scorer`."""
        return self._mean([part.pairwise(numbers) for part in self._parts])

    def _mean(self, found: Sequence[Floats]) -> Floats:
        weighed = [w * each for w, each in zip(self._weights, found, strict=True)]
        return np.clip(sum(weighed) / sum(self._weights), -1.0, 1.0)

    def contributions(self, history: History, number: int) -> Floats:
        """See `Scorer`. Exact, given how far the scores of this history are spread."""
        total = np.zeros(len(history.items), np.float32)
        for part, weight in zip(self._parts, self._weights, strict=True):
            spread = np.maximum(_spread(part.score([history])), TINY)
            total += weight / spread[0, 0] * part.contributions(history, number)
        return total


def _spread(scores: Floats) -> Floats:
    if not scores.shape[1]:
        return np.ones((len(scores), 1), np.float32)
    spread: Floats = scores.std(axis=1, keepdims=True)
    return spread
