"""Item embeddings and biases; the taste is folded in from the history. Implicit ALS, LightFM and RLFM export to it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from services.model_store import decode_strings
from services.recommendations.catalogue import Item
from services.recommendations.folding import fold_in, whitening
from services.recommendations.scorers import interface
from services.recommendations.scorers.interface import (
    Arrays,
    Floats,
    History,
    Ints,
    Recency,
    Taste,
    ascending,
    features_of,
    grown,
    known_rows,
    matrix,
    spread,
    spread_of,
)
from services.recommendations.scorers.vectors import Copied, Mapped

if TYPE_CHECKING:
    from services.recommendations.scorers.index import Index

log = logging.getLogger(__name__)

PLACED_AT_ONCE = 10_000  # items whose vectors are made together: 15 MB for five features each


@dataclass(frozen=True, slots=True)
class FactorTaste:
    """See `Taste`: taste and share of the bias (d + 1,)."""

    vector: Floats
    spread: float
    _vectors: Mapped
    _index: Index

    def best(self, count: int) -> Ints:
        """See `Taste`."""
        return self._index.best(self.vector, count)

    def at(self, numbers: NDArray[Any]) -> Floats:
        """See `Taste`."""
        return self._vectors.dots(self.vector, numbers)


class FactorScorer:
    """Arrays, with k items and f features known to the model, in d dimensions, float32 but for the first two:
    `numbers` int32 (k,), ascending; `features` f strings (`encode_strings`); `factors` (k, d);
    `biases` (k,); `popularity` (k,); `feature_factors` (f, d); `feature_biases` (f,).

    Serving: `implicit_weight` w0, `regularisation` λ, `scale` of the taste's part against the biases,
    `new_item_bias` (an unseen item's, before its features), and what `Recency` takes.

    Memory: 8(d + 2) bytes an item of the catalogue, and the arrays, which are mapped from disk where the
    store is local. Where the first items placed are more than `EXACT`, nothing is copied: 12 bytes an item
    and, with the index, `Index`'s.
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
        self._vectors: Copied | Mapped | None = None
        self._index: Index | None = None
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
        self._norms, self._popularity = grown(self._norms, size), grown(self._popularity, size)
        self._held(size).grow(size)
        self._size = max(self._size, size)
        numbers, rows = known_rows(self._numbers, items)
        known = set(numbers.tolist())
        new = [item for item in items if item.number not in known]
        for start in range(0, len(numbers), PLACED_AT_ONCE):
            some = slice(start, start + PLACED_AT_ONCE)
            self._put(numbers[some], self._known(rows[some]), rows[some])
        for start in range(0, len(new), PLACED_AT_ONCE):
            some_new = new[start : start + PLACED_AT_ONCE]
            self._put(np.array([item.number for item in some_new]), self._new(some_new), None)
        self._popularity[[item.number for item in new]] = 0.0
        self._popularity[numbers] = self._known_popularity[rows]

    def _held(self, size: int = 0) -> Copied | Mapped:
        """Return where vectors are; how many items are placed first decides it for good."""
        if self._vectors is None:
            mapped = self._numbers, self._factors, self._biases, self._whiten
            self._vectors = Mapped(*mapped) if size > interface.EXACT else Copied(self._dimensions)
        return self._vectors

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

    def _put(self, numbers: NDArray[Any], vectors: Floats, rows: NDArray[np.intp] | None) -> None:
        before, factors = self._held().at(numbers), vectors[:, :-1]
        self._sum += (vectors - before).sum(axis=0, dtype=np.float64)
        self._squares += vectors.T @ vectors - before.T @ before
        squares = ((factors @ self._metric) * factors).sum(axis=1)
        self._norms[numbers] = np.sqrt(np.maximum(squares, 0))
        self._held().put(numbers, vectors, rows)
        if self._index is not None:
            moved = (vectors != before).any(axis=1)
            self._index.add(numbers[moved], vectors[moved])

    def index(self) -> bool:
        """See `Scorer`. Without the extra `serve` all items are scored as before."""
        vectors = self._held()
        if isinstance(vectors, Copied):
            return False
        try:
            from services.recommendations.scorers.index import build  # noqa: PLC0415 - extra `serve`
        except ImportError:
            log.warning("faiss is not installed: all items of a large catalogue are scored.")
            return False
        self._index = build(vectors, float(self._scale))
        return self._index is not None

    def tastes(self, histories: Sequence[History]) -> Sequence[Taste | None]:
        """See `Scorer`. Somebody of whom nothing is known gets what is popular, and that needs no search."""
        if self._index is None or not isinstance(self._vectors, Mapped):
            return [None] * len(histories)
        tastes, empty = self._tastes(histories)
        spreads = self._spreads(tastes).tolist()
        return [
            None if silent else FactorTaste(taste, spread, self._vectors, self._index)
            for taste, spread, silent in zip(tastes, spreads, empty.tolist(), strict=True)
        ]

    def score(self, histories: Sequence[History]) -> Floats:
        """See `Scorer`. One matrix product for all histories."""
        tastes, empty = self._tastes(histories)
        scores = self._held().product(tastes, self._size)
        scores[empty] = self.popularity
        return scores

    def weighed(self, histories: Sequence[History], weights: Floats) -> tuple[Floats, Floats]:
        """Return the scores times `weights` (n,), divided by how far they are spread; and that spread (n,)."""
        tastes, empty = self._tastes(histories)
        spreads = self._spreads(tastes)
        scores = self._held().product(tastes * (weights / spreads)[:, None], self._size)
        if empty.any():
            spreads[empty] = spread_of(self.popularity[None])
            scores[empty] = (weights[empty] / spreads[empty])[:, None] * self.popularity
        return scores, spreads

    def _spreads(self, tastes: Floats) -> Floats:
        """Return the standard deviations (n,) of the scores of all items, without a look at them.

        It is exact: with the items' vectors x, scores of a taste u have the mean u·Σx/n and the mean square
        uᵀ·(Σ x·xᵀ/n)·u.
        """
        wide, size = tastes.astype(np.float64), max(1, self._size)
        squares = ((wide @ self._squares) * wide).sum(axis=1) / size
        return spread(squares, wide @ self._sum / size)

    def _tastes(self, histories: Sequence[History]) -> tuple[Floats, NDArray[np.bool_]]:
        """Return (n, d + 1), tastes and how much the bias counts; and in which history nothing does."""
        items, weights = self._recency.padded(histories, self._size)
        tastes = np.ones((len(histories), self._dimensions + 1), np.float32)
        tastes[:, :-1] = self._scale * fold_in(self._held().at(items)[..., :-1], weights)
        return tastes, np.logical_not(weights.any(axis=1))

    def alike(self, number: int) -> Floats:
        """See `Scorer`. The cosine of the embeddings."""
        vector = np.zeros((1, self._dimensions + 1), np.float32)
        vector[0, :-1] = self._metric @ self._held().at(np.array([number]))[0, :-1]
        return self._cosines(self._held().product(vector, self._size)[0], number, slice(self._size))

    def pairwise(self, numbers: Sequence[int]) -> Floats:
        """See `Scorer`."""
        factors = self._held().at(np.asarray(numbers, np.intp))[:, :-1]
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
        own = self._held().at(recent.items)[:, :-1] * strength[:, None]
        asked = self._held().at(np.asarray(numbers, np.intp))[:, :-1].T
        if len(own) < self._dimensions:
            pulls = np.linalg.solve(own @ own.T + np.eye(len(own), dtype=np.float32), own @ asked)
        else:
            identity = np.eye(self._dimensions, dtype=np.float32)
            pulls = own @ np.linalg.solve(own.T @ own + identity, asked)
        found = np.zeros((len(numbers), len(history.items)), np.float32)
        signed = self._scale * np.sign(recent.weights) * strength
        found[:, len(history.items) - len(own) :] = pulls.T * signed
        return found
