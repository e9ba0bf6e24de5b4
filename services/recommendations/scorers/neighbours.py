"""A sparse matrix from item to item; the score is a sum over the history. EASE exports to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

# It is not public, but it is as old as scipy.sparse; what is public copies each row before it adds it up.
from scipy.sparse._sparsetools import csc_matvec

from services.recommendations.scorers import interface
from services.recommendations.scorers.interface import (
    Arrays,
    Floats,
    History,
    Ints,
    Recency,
    Taste,
    matrix,
    spread,
)
from services.recommendations.scorers.popularity import PopularityScorer


@dataclass(frozen=True, slots=True)
class NeighbourTaste:
    """See `Taste`: the numbers to which weights of the history lead, ascending, and the sums of these."""

    numbers: Ints
    sums: Floats
    spread: float

    def best(self, count: int) -> Ints:
        """See `Taste`. Exact, among what has neighbours in the history."""
        if len(self.sums) <= count:
            return self.numbers
        highest = np.argpartition(-self.sums, count - 1)[:count]
        return np.sort(self.numbers[highest])

    def at(self, numbers: NDArray[Any]) -> Floats:
        """See `Taste`."""
        if not len(self.numbers):
            return np.zeros(len(numbers), np.float32)
        places = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        found = np.where(self.numbers[places] == numbers, self.sums[places], 0)
        return found.astype(np.float32)


class NeighbourScorer(PopularityScorer):
    """Arrays, with k items known to the model and n weights between them:
    `numbers` int32 (k,), ascending; `popularity` float32 (k,); `starts` int64 (k + 1,): item k has the
    weights from starts[k] to starts[k + 1]; `targets` int32 (n,): the numbers of the items to which they
    lead, ascending within an item; `weights` float32 (n,); `precisions` float32 (k,), positive: the
    diagonal of the inverse, by which a weight becomes a partial correlation.

    Serving: what `Recency` takes. Memory: 8 bytes a weight, and 8 more mapped from disk where the store is
    local; 8 bytes an item of the catalogue. Time of a score: the weights of the items of the history.
    """

    def __init__(self, arrays: Arrays, serving: Mapping[str, Any]) -> None:
        super().__init__(arrays)
        count = len(self._numbers)
        self._weights = matrix(arrays["weights"], (-1,))
        self._precisions = matrix(arrays["precisions"], (count,))
        _check(arrays["starts"], arrays["targets"], self._numbers, len(self._weights))
        self._starts = arrays["starts"].astype(np.int32)
        self._targets = np.ascontiguousarray(arrays["targets"], np.int32)
        if (self._precisions <= 0).any():
            raise ValueError("An array of the model, precisions, is not positive.")
        self._recency = Recency(serving)
        # Targets beyond what is placed would fall outside of the scores.
        self._room = int(self._targets.max(initial=-1)) + 1
        self._row = np.full(max(self._room, int(self._numbers.max(initial=-1)) + 1), -1, np.int32)
        self._row[self._numbers] = np.arange(count, dtype=np.int32)
        # The same weights by the item to which they lead.
        rows = csr_array((self._weights, self._targets, self._starts), (count, self._room))
        self._into = rows.tocsc()

    def score(self, histories: Sequence[History]) -> Floats:
        """See `Scorer`. An item unknown to the model gets 0."""
        items, weights = self._recency.padded(histories, self._size)
        starts, stops = self._borders(items)
        order = np.argsort(-starts, axis=1)
        # To csc_matvec an item's weights are a column. It is told of those of the history alone, as parts of
        # the whole array; what lies between two of them stops before it starts, since they descend.
        borders = np.zeros((len(items), 2 * items.shape[1]), np.int32)
        borders[:, ::2] = np.take_along_axis(starts, order, axis=1)
        borders[:, 1::2] = np.take_along_axis(stops, order, axis=1)
        factors = np.zeros(borders.shape, np.float32)
        factors[:, ::2] = np.take_along_axis(weights, order, axis=1)
        width = max(self._size, self._room)
        scores = np.zeros((len(histories), width), np.float32)
        shape = width, borders.shape[1] - 1
        for row, found in enumerate(scores):
            csc_matvec(*shape, borders[row], self._targets, self._weights, factors[row], found)
        scores = scores[:, : self._size]
        scores[~weights.any(axis=1)] = self.popularity
        return scores

    def index(self) -> bool:
        """See `Scorer`. There is nothing to prepare."""
        return self._size > interface.EXACT

    def tastes(self, histories: Sequence[History]) -> Sequence[Taste | None]:
        """See `Scorer`."""
        return [self._taste(self._recency.recent(each, self._size)) for each in histories]

    def _taste(self, recent: History) -> Taste | None:
        if not recent.weights.any():
            return None
        borders = np.array(self._borders(recent.items)).T.tolist()
        parts = [slice(*ends) for ends in borders]
        targets = np.concatenate([self._targets[part] for part in parts])
        weights = [self._weights[part] * w for part, w in zip(parts, recent.weights, strict=True)]
        numbers, places = np.unique(targets, return_inverse=True)
        sums = np.bincount(places, np.concatenate(weights), len(numbers))
        inside = numbers < self._size
        numbers, sums = numbers[inside], sums[inside]
        spreads = spread(sums @ sums / self._size, sums.sum() / self._size)
        return NeighbourTaste(numbers, sums.astype(np.float32), float(spreads))

    def _rows(self, numbers: NDArray[Any]) -> NDArray[Any]:
        inside = numbers < len(self._row)
        return np.where(inside, self._row[np.where(inside, numbers, 0)], -1)

    def _borders(self, numbers: NDArray[Any]) -> tuple[Ints, Ints]:
        """Return where the weights of these items start and stop; 0 and 0 for an unknown one."""
        rows = self._rows(numbers)
        known = rows >= 0
        return np.where(known, self._starts[rows], 0), np.where(known, self._starts[rows + 1], 0)

    def alike(self, number: int) -> Floats:
        """See `Scorer`. The partial correlation: -Pᵢⱼ/√(PᵢᵢPⱼⱼ) = Bᵢⱼ·√(Pⱼⱼ/Pᵢᵢ), given all other items."""
        targets, correlations = self._correlations(number)
        found = np.zeros(max(self._size, self._room), np.float32)
        found[targets] = np.clip(correlations, -1.0, 1.0)
        found[number] = 1.0
        return found[: self._size]

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

    def contributions(self, history: History, numbers: Sequence[int]) -> Floats:
        """See `Scorer`. Exact: a score is nothing but their sum."""
        recent = self._recency.recent(history, self._size)
        rows = self._rows(recent.items)
        place = np.full(
            len(self._numbers) + 1, -1, np.int32
        )  # in the history; the last: of unknown items
        place[rows] = np.arange(len(rows))
        asked = np.minimum(np.asarray(numbers, np.intp), self._room)
        starts = self._into.indptr[asked]
        stops = self._into.indptr[np.minimum(asked + 1, self._room)]
        parts = [slice(*ends) for ends in zip(starts.tolist(), stops.tolist(), strict=True)]
        places = place[np.concatenate([self._into.indices[part] for part in (slice(0), *parts)])]
        weights = np.concatenate([self._into.data[part] for part in (slice(0), *parts)])
        owners = np.repeat(np.arange(len(parts)), stops - starts)
        hits = np.flatnonzero(places >= 0)
        table = np.zeros((len(parts), len(rows)), np.float32)
        table[owners[hits], places[hits]] = weights[hits]
        found = np.zeros((len(parts), len(history.items)), np.float32)
        found[:, len(history.items) - len(rows) :] = table[:, place[rows]] * recent.weights
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
