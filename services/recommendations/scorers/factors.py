"""Item embeddings and biases; the taste is folded in from the history. Implicit ALS and LightFM export to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.model_store import decode_strings
from services.recommendations.catalogue import Item
from services.recommendations.folding import fold_in, whitening
from services.recommendations.scorers.interface import (
    Arrays,
    Floats,
    History,
    Recency,
    ascending,
    features_of,
    grown,
    known_rows,
    matrix,
    spread,
    spread_of,
)
from services.recommendations.scorers.tiles import Tiles

PLACED_AT_ONCE = 10_000  # items whose vectors are made together: 15 MB for five features each


class FactorScorer:
    """Arrays, with k items and f features known to the model, in d dimensions, float32 but for the first two:
    `numbers` int32 (k,), ascending; `features` f strings (`encode_strings`); `factors` (k, d);
    `biases` (k,); `popularity` (k,); `feature_factors` (f, d); `feature_biases` (f,).

    Serving: `implicit_weight` w0, `regularisation` λ, `scale` of the taste's part against the biases,
    `new_item_bias` (an unseen item's, before its features), and what `Recency` takes.

    Memory: 8(d + 2) bytes an item of the catalogue; the arrays are mapped from disk where the store is local.
    """

    def __init__(self, arrays: Arrays, serving: Mapping[str, Any]) -> None:
        self._numbers = ascending(arrays["numbers"])
        factors, self._new_item_bias = arrays["factors"], float(serving["new_item_bias"])
        self._scale, self._recency = np.float32(serving["scale"]), Recency(serving)
        count, self._dimensions = matrix(factors, (len(self._numbers), -1)).shape
        whiten = whitening(factors, serving["implicit_weight"], serving["regularisation"])
        back = np.linalg.inv(whiten.astype(np.float64))
        self._metric = (back.T @ back).astype(np.float32)  # of embeddings, seen from whitened ones
        self._whiten, self._factors = whiten, matrix(factors, (count, -1))
        self._biases = matrix(arrays["biases"], (count,))
        self._known_popularity = matrix(arrays["popularity"], (count,))
        names = decode_strings(arrays, name="features")
        self._feature = {name: row for row, name in enumerate(names)}
        shape = (len(names), self._dimensions)
        factors_and_bias = [
            matrix(arrays["feature_factors"], shape) @ whiten.T,
            matrix(arrays["feature_biases"], shape[:1])[:, None],
        ]
        self._features = np.hstack(factors_and_bias)
        # An item's whitened factors and its bias; in rows to be gathered, in tiles to be multiplied.
        self._rows: Floats = np.zeros((0, self._dimensions + 1), np.float32)
        self._tiles = Tiles(self._dimensions + 1)
        self._sum = np.zeros(self._dimensions + 1)
        self._squares = np.zeros((self._dimensions + 1, self._dimensions + 1))
        self._norms: Floats = np.zeros(0, np.float32)
        self._popularity: Floats = np.zeros(0, np.float32)
        self._size = 0

    @property
    def popularity(self) -> Floats:
        """See `Scorer`."""
        return self._popularity[: self._size]

    def place(self, items: Sequence[Item], size: int) -> None:
        """See `Scorer`. An item unknown to the model is the sum of its features."""
        self._rows, self._norms = grown(self._rows, size), grown(self._norms, size)
        self._popularity = grown(self._popularity, size)
        self._tiles.grow(size)
        self._size = max(self._size, size)
        numbers, rows = known_rows(self._numbers, items)
        known = set(numbers.tolist())
        new = [item for item in items if item.number not in known]
        for start in range(0, len(numbers), PLACED_AT_ONCE):
            some = slice(start, start + PLACED_AT_ONCE)
            self._put(numbers[some], self._known(rows[some]))
        for start in range(0, len(new), PLACED_AT_ONCE):
            some_new = new[start : start + PLACED_AT_ONCE]
            self._put(np.array([item.number for item in some_new]), self._new(some_new))
        self._popularity[[item.number for item in new]] = 0.0
        self._popularity[numbers] = self._known_popularity[rows]

    def _known(self, rows: NDArray[np.intp]) -> Floats:
        return np.hstack([self._factors[rows] @ self._whiten.T, self._biases[rows, None]])

    def _new(self, items: Sequence[Item]) -> Floats:
        features = [
            [self._feature[name] for name in features_of(item) if name in self._feature]
            for item in items
        ]
        owner = np.repeat(np.arange(len(items)), [len(rows) for rows in features])
        sums = np.zeros((len(items), self._dimensions + 1), np.float32)
        np.add.at(sums, owner, self._features[[row for rows in features for row in rows]])
        sums[:, -1] += self._new_item_bias
        return sums

    def _put(self, numbers: NDArray[Any], vectors: Floats) -> None:
        before, factors = self._rows[numbers], vectors[:, :-1]
        self._sum += (vectors - before).sum(axis=0, dtype=np.float64)
        self._squares += vectors.T @ vectors - before.T @ before
        squares = ((factors @ self._metric) * factors).sum(axis=1)
        self._norms[numbers] = np.sqrt(np.maximum(squares, 0))
        self._rows[numbers] = vectors
        self._tiles.put(numbers, vectors)

    def score(self, histories: Sequence[History]) -> Floats:
        """See `Scorer`. One matrix product for all histories."""
        tastes, empty = self._tastes(histories)
        scores = self._tiles.product(tastes, self._size)
        scores[empty] = self.popularity
        return scores

    def weighed(self, histories: Sequence[History], weight: float) -> tuple[Floats, Floats]:
        """Return the scores times `weight`, divided by how far they are spread; and that spread (n,).

        It is exact and takes no look at the scores: with the items' vectors x, those of a taste u have the
        mean u·Σx/n and the mean square uᵀ·(Σ x·xᵀ/n)·u.
        """
        tastes, empty = self._tastes(histories)
        wide, size = tastes.astype(np.float64), max(1, self._size)
        squares = ((wide @ self._squares) * wide).sum(axis=1) / size
        spreads = spread(squares, wide @ self._sum / size)
        scores = self._tiles.product(tastes * (weight / spreads)[:, None], self._size)
        if empty.any():
            spreads[empty] = spread_of(self.popularity[None])
            scores[empty] = weight / spreads[empty][:, None] * self.popularity
        return scores, spreads

    def _tastes(self, histories: Sequence[History]) -> tuple[Floats, NDArray[np.bool_]]:
        """Return (n, d + 1), tastes and how much the bias counts; and in which history nothing does."""
        items, weights = self._recency.padded(histories, self._size)
        tastes = np.ones((len(histories), self._dimensions + 1), np.float32)
        tastes[:, :-1] = self._scale * fold_in(self._rows[items, :-1], weights)
        return tastes, np.logical_not(weights.any(axis=1))

    def alike(self, number: int) -> Floats:
        """See `Scorer`. The cosine of the embeddings."""
        vector = np.zeros((1, self._dimensions + 1), np.float32)
        vector[0, :-1] = self._metric @ self._rows[number, :-1]
        return self._cosines(self._tiles.product(vector, self._size)[0], number, slice(self._size))

    def pairwise(self, numbers: Sequence[int]) -> Floats:
        """See `Scorer`."""
        factors = self._rows[numbers, :-1]
        found = self._cosines(factors @ self._metric @ factors.T, numbers, numbers)
        np.fill_diagonal(found, 1.0)
        return found

    def _cosines(self, products: NDArray[Any], rows: Any, columns: Any) -> Floats:
        norms = np.multiply.outer(self._norms[rows], self._norms[columns])
        found = np.zeros(products.shape, np.float32)
        np.divide(products, norms, out=found, where=norms > 0)
        return np.asarray(np.clip(found, -1.0, 1.0), np.float32)

    def contributions(self, history: History, numbers: Sequence[int]) -> Floats:
        """See `Scorer`. Exact: for A = I + Σ |w|·z·zᵀ the score is the bias + scale·Σ w·(A⁻¹z)·zⱼ.

        With the rows √|w|·z of Y, A⁻¹ = (I + YᵀY)⁻¹ and Y·A⁻¹ = (I + Y·Yᵀ)⁻¹·Y: the smaller one is solved.
        """
        recent = self._recency.recent(history, self._size)
        strength = np.sqrt(np.abs(recent.weights))
        own = self._rows[recent.items, :-1] * strength[:, None]
        asked = self._rows[numbers, :-1].T
        if len(own) < self._dimensions:
            pulls = np.linalg.solve(own @ own.T + np.eye(len(own), dtype=np.float32), own @ asked)
        else:
            identity = np.eye(self._dimensions, dtype=np.float32)
            pulls = own @ np.linalg.solve(own.T @ own + identity, asked)
        found = np.zeros((len(numbers), len(history.items)), np.float32)
        signed = self._scale * np.sign(recent.weights) * strength
        found[:, len(history.items) - len(own) :] = pulls.T * signed
        return found
