"""A sparse matrix from item to item; the score is a sum over the history. EASE exports to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.recommendations.scorers.interface import (
    Arrays,
    Floats,
    History,
    Ints,
    Recency,
    matrix,
)
from services.recommendations.scorers.popularity import PopularityScorer


class NeighbourScorer(PopularityScorer):
    """Arrays, with k items known to the model and n weights between them:
    `numbers` int32 (k,), ascending; `popularity` float32 (k,); `starts` int64 (k + 1,): item k has the
    weights from starts[k] to starts[k + 1]; `targets` int32 (n,): the numbers of the items to which they
    lead, ascending within an item; `weights` float32 (n,); `precisions` float32 (k,), positive: the
    diagonal of the inverse, by which a weight becomes a partial correlation.

    Serving: what `Recency` takes. Memory: 8 bytes a weight, mapped from disk where the store is local, and
    8 bytes an item of the catalogue. Time of a score: the weights of the items of the history.
    """

    def __init__(self, arrays: Arrays, serving: Mapping[str, Any]) -> None:
        super().__init__(arrays)
        count = len(self._numbers)
        self._starts, self._targets = arrays["starts"], arrays["targets"]
        self._weights = matrix(arrays["weights"], (-1,))
        self._precisions = matrix(arrays["precisions"], (count,))
        _check(self._starts, self._targets, self._numbers, len(self._weights))
        if (self._precisions <= 0).any():
            raise ValueError("An array of the model, precisions, is not positive.")
        self._recency = Recency(serving)
        # Targets beyond what is placed would fall outside of the scores.
        self._room = int(self._targets.max(initial=-1)) + 1
        self._row = np.full(max(self._room, int(self._numbers.max(initial=-1)) + 1), -1, np.int32)
        self._row[self._numbers] = np.arange(count, dtype=np.int32)

    def score(self, histories: Sequence[History]) -> Floats:
        """See `Scorer`. An item unknown to the model gets 0."""
        scores = np.empty((len(histories), self._size), np.float32)
        for row, history in enumerate(histories):
            recent = self._recency.recent(history, self._size)
            scores[row] = self._sum(recent) if recent.weights.any() else self.popularity
        return scores

    def _sum(self, history: History) -> Floats:
        rows = self._rows(history.items)
        known = rows >= 0
        rows, weights = rows[known], history.weights[known]
        starts = self._starts[rows]
        lengths = self._starts[rows + 1] - starts
        ends = np.cumsum(lengths)
        places = np.arange(ends[-1] if len(ends) else 0)
        places += np.repeat(starts - ends + lengths, lengths)
        values = self._weights[places] * np.repeat(weights, lengths)
        return self._spread(self._targets[places], values)

    def _spread(self, targets: NDArray[Any], values: Floats) -> Floats:
        width = max(self._size, self._room)
        return np.bincount(targets, values, width)[: self._size].astype(np.float32)

    def _rows(self, numbers: NDArray[Any]) -> NDArray[Any]:
        inside = numbers < len(self._row)
        return np.where(inside, self._row[np.where(inside, numbers, 0)], -1)

    def alike(self, number: int) -> Floats:
        """See `Scorer`. The partial correlation: -Pᵢⱼ/√(PᵢᵢPⱼⱼ) = Bᵢⱼ·√(Pⱼⱼ/Pᵢᵢ), given all other items."""
        targets, correlations = self._correlations(number)
        found = np.clip(self._spread(targets, correlations), -1.0, 1.0)
        found[number] = 1.0
        return found

    def _correlations(self, number: int) -> tuple[NDArray[Any], Floats]:
        row = int(self._rows(np.array([number]))[0])
        if row < 0:
            return self._targets[:0], self._weights[:0]
        part = slice(self._starts[row], self._starts[row + 1])
        targets = self._targets[part]
        scale = np.sqrt(self._precisions[self._row[targets]] / self._precisions[row])
        return targets, self._weights[part] * scale

    def pairwise(self, numbers: Sequence[int]) -> Floats:
        """See `Scorer`. The larger one of both directions, where one was cut away to save memory."""
        asked = np.asarray(numbers, np.int64)
        found = np.zeros((len(asked), len(asked)), np.float32)
        for row, number in enumerate(asked.tolist()):
            targets, correlations = self._correlations(number)
            if len(targets):
                places = np.minimum(np.searchsorted(targets, asked), len(targets) - 1)
                found[row] = np.where(targets[places] == asked, correlations[places], 0.0)
        found = np.where(np.abs(found) >= np.abs(found.T), found, found.T)
        np.fill_diagonal(found, 1.0)
        return np.clip(found, -1.0, 1.0)

    def contributions(self, history: History, number: int) -> Floats:
        """See `Scorer`. Exact: a score is nothing but their sum."""
        recent = self._recency.recent(history, self._size)
        found = np.zeros(len(history.items), np.float32)
        offset = len(found) - len(recent.items)
        for place, row in enumerate(self._rows(recent.items).tolist()):
            if row < 0:
                continue
            part = slice(self._starts[row], self._starts[row + 1])
            position = int(np.searchsorted(self._targets[part], number))
            if position < len(self._targets[part]) and self._targets[part][position] == number:
                found[offset + place] = recent.weights[place] * self._weights[part][position]
        return found


def _check(starts: NDArray[Any], targets: NDArray[Any], numbers: Ints, weights: int) -> None:
    fits = (
        starts.shape == (len(numbers) + 1,)
        and targets.shape == (weights,)
        and starts[0] == 0
        and starts[-1] == weights
        and not (np.diff(starts) < 0).any()
        and np.isin(targets, numbers).all()
    )
    if not fits:
        raise ValueError("The arrays of neighbours do not fit together.")
