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
)

PLACED_AT_ONCE = (
    10_000  # new items whose features are summed together: 15 MB for five features each
)


class FactorScorer:
    """Arrays, with k items and f features known to the model, in d dimensions, float32 but for the first two:
    `numbers` int32 (k,), ascending; `features` f strings (`encode_strings`); `factors` (k, d);
    `biases` (k,); `popularity` (k,); `feature_factors` (f, d); `feature_biases` (f,).

    Serving: `implicit_weight` w0, `regularisation` λ, `scale` of the taste's part against the biases,
    `new_item_bias` (an unseen item's, before its features), and what `Recency` takes.

    Memory: 4(d + 3) bytes an item of the catalogue, and as much again for an item of the model.
    """

    def __init__(self, arrays: Arrays, serving: Mapping[str, Any]) -> None:
        self._numbers = ascending(arrays["numbers"])
        factors, self._new_item_bias = arrays["factors"], float(serving["new_item_bias"])
        self._scale, self._recency = np.float32(serving["scale"]), Recency(serving)
        count, self._dimensions = matrix(factors, (len(self._numbers), -1)).shape
        whiten = whitening(factors, serving["implicit_weight"], serving["regularisation"])
        back = np.linalg.inv(whiten.astype(np.float64))
        self._metric = (back.T @ back).astype(np.float32)  # of embeddings, seen from whitened ones
        # A column per item: its whitened factors, its bias, its popularity.
        self._known = np.vstack(
            [
                whiten @ factors.T,
                matrix(arrays["biases"], (count,)),
                matrix(arrays["popularity"], (count,)),
            ]
        )
        names = decode_strings(arrays, name="features")
        self._feature = {name: row for row, name in enumerate(names)}
        shape = (len(names), self._dimensions)
        factors_and_bias = [
            matrix(arrays["feature_factors"], shape) @ whiten.T,
            matrix(arrays["feature_biases"], shape[:1])[:, None],
        ]
        self._features = np.hstack(factors_and_bias)
        # Columns and not rows: the product with a batch of tastes is 1.8 times as fast this way.
        self._columns: Floats = np.zeros((self._dimensions + 2, 0), np.float32)
        self._norms: Floats = np.zeros(0, np.float32)
        self._size = 0

    @property
    def popularity(self) -> Floats:
        """See `Scorer`."""
        return self._columns[-1, : self._size]

    def place(self, items: Sequence[Item], size: int) -> None:
        """See `Scorer`. An item unknown to the model is the sum of its features."""
        self._columns, self._norms = grown(self._columns, size), grown(self._norms, size)
        self._size = max(self._size, size)
        numbers, rows = known_rows(self._numbers, items)
        self._columns[:, numbers] = self._known[:, rows]
        known = set(numbers.tolist())
        new = [item for item in items if item.number not in known]
        for start in range(0, len(new), PLACED_AT_ONCE):
            self._place_new(new[start : start + PLACED_AT_ONCE])
        placed = np.fromiter((item.number for item in items), np.intp, len(items))
        for start in range(0, len(placed), PLACED_AT_ONCE):
            some = placed[start : start + PLACED_AT_ONCE]
            factors = self._columns[:-2, some]
            self._norms[some] = np.sqrt(
                np.maximum((factors * (self._metric @ factors)).sum(axis=0), 0)
            )

    def _place_new(self, items: Sequence[Item]) -> None:
        features = [
            [self._feature[name] for name in features_of(item) if name in self._feature]
            for item in items
        ]
        owner = np.repeat(np.arange(len(items)), [len(rows) for rows in features])
        sums = np.zeros((len(items), self._dimensions + 1), np.float32)
        np.add.at(sums, owner, self._features[[row for rows in features for row in rows]])
        numbers = [item.number for item in items]
        self._columns[:-1, numbers] = sums.T
        self._columns[-2, numbers] += self._new_item_bias
        self._columns[-1, numbers] = 0.0

    def score(self, histories: Sequence[History]) -> Floats:
        """See `Scorer`. One matrix product for all histories."""
        return self.tastes(histories) @ self._columns[:, : self._size]

    def tastes(self, histories: Sequence[History]) -> Floats:
        """Return (histories, d + 2): the taste, and how much bias and popularity count."""
        items, weights = self._recency.padded(histories, self._size)
        tastes = np.zeros((len(histories), self._dimensions + 2), np.float32)
        factors = np.take(self._columns[:-2], items, axis=1).transpose(1, 2, 0)
        tastes[:, :-2] = self._scale * fold_in(np.ascontiguousarray(factors), weights)
        empty = ~weights.any(axis=1)
        tastes[:, -2] = ~empty
        tastes[:, -1] = empty
        return tastes

    def alike(self, number: int) -> Floats:
        """See `Scorer`. The cosine of the embeddings."""
        products = self._metric @ self._columns[:-2, number] @ self._columns[:-2, : self._size]
        return self._cosines(products, number, slice(self._size))

    def pairwise(self, numbers: Sequence[int]) -> Floats:
        """See `Scorer`."""
        factors = self._columns[:-2, numbers]
        found = self._cosines(factors.T @ self._metric @ factors, numbers, numbers)
        np.fill_diagonal(found, 1.0)
        return found

    def _cosines(self, products: NDArray[Any], rows: Any, columns: Any) -> Floats:
        norms = np.multiply.outer(self._norms[rows], self._norms[columns])
        found = np.zeros(products.shape, np.float32)
        np.divide(products, norms, out=found, where=norms > 0)
        return np.asarray(np.clip(found, -1.0, 1.0), np.float32)

    def contributions(self, history: History, number: int) -> Floats:
        """See `Scorer`. Exact: for A = I + Σ |w|·z·zᵀ the score is the bias + scale·Σ w·(A⁻¹z)·zⱼ."""
        recent = self._recency.recent(history, self._size)
        factors = self._columns[:-2, recent.items]
        system = np.eye(self._dimensions) + (factors * np.abs(recent.weights)) @ factors.T
        solved = np.linalg.solve(system, self._columns[:-2, number])
        found = np.zeros(len(history.items), np.float32)
        found[len(found) - len(recent.items) :] = (
            self._scale * recent.weights * (solved @ factors).astype(np.float32)
        )
        return found
