"""The serving form of every model: from what somebody did to a score for every item.

numpy alone; nothing of the training libraries is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from services.model_store import LoadedVersion, decode_strings
from services.recommendations.catalogue import Item
from services.recommendations.folding import fold_in, whitening

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Arrays = Mapping[str, NDArray[Any]]

PLACED_AT_ONCE = (
    10_000  # new items whose features are summed together: 15 MB for five features each
)


@dataclass(frozen=True, slots=True)
class History:
    """What one person did: item numbers and preferences in [-1, 1], side by side, the newest last."""

    items: Ints
    weights: Floats


NOTHING = History(np.zeros(0, np.int32), np.zeros(0, np.float32))


class Scorer(Protocol):
    """A model, ready to serve. A row or column of its arrays is an item's number."""

    @property
    def popularity(self) -> Floats:
        """Return (size,): log(1 + people who liked the item when the model was trained)."""

    def place(self, items: Sequence[Item], size: int) -> None:
        """Give these items (new or changed) their place among at least `size` items."""

    def score(self, histories: Sequence[History]) -> Floats:
        """Return new scores (histories, size), higher is better; an empty history gets popularity."""


def load_scorer(version: LoadedVersion) -> Scorer:
    """Return the scorer of a model version; place the catalogue in it before the first score.

    Raises:
        ValueError: the version has arrays that do not fit together, or is of a kind unknown here.
    """
    return build_scorer(version.arrays, version.manifest.serving)


def build_scorer(arrays: Arrays, serving: Mapping[str, Any]) -> Scorer:
    """Return the scorer of a model's exported arrays and serving parameters."""
    kind = serving.get("kind")
    if kind == "factors":
        return FactorScorer(arrays, serving)
    if kind == "popularity":
        return PopularityScorer(arrays)
    raise ValueError(f"This release cannot serve a model of the kind '{kind}'.")


def features_of(item: Item) -> list[str]:
    """Return the names of an item's features: what a model can know of it before anybody reacted."""
    genres = [f"genre:{genre}" for genre in dict.fromkeys(item.genres)]
    return genres + [f"label:{key}:{value}" for key, value in item.labels.items()]


class PopularityScorer:
    """What most people like, the same for everybody.

    Arrays: `numbers` int32 (k,), ascending; `popularity` float32 (k,).
    """

    def __init__(self, arrays: Arrays) -> None:
        self._numbers = _ascending(arrays["numbers"])
        self._known = _matrix(arrays["popularity"], (len(self._numbers),))
        self._places: Floats = np.zeros(0, np.float32)
        self._size = 0

    @property
    def popularity(self) -> Floats:
        """See `Scorer`."""
        return self._places[: self._size]

    def place(self, items: Sequence[Item], size: int) -> None:
        """See `Scorer`. An item that is not in the model has popularity 0."""
        self._places, self._size = _grown(self._places, size), max(self._size, size)
        numbers, rows = _known_rows(self._numbers, items)
        self._places[numbers] = self._known[rows]

    def score(self, histories: Sequence[History]) -> Floats:
        """See `Scorer`."""
        return np.tile(self.popularity, (len(histories), 1))


class FactorScorer:
    """Item embeddings and biases; the taste is folded in from the history.

    Arrays, with k items and f features known to the model, in d dimensions, float32 but for the first two:
    `numbers` int32 (k,), ascending; `features` f strings (`encode_strings`); `factors` (k, d);
    `biases` (k,); `popularity` (k,); `feature_factors` (f, d); `feature_biases` (f,).

    Serving: `implicit_weight` w0, `regularisation` λ, `scale` of the taste's part against the biases,
    `history` (newest reactions that count), `new_item_bias` (an unseen item's, before its features).
    """

    def __init__(self, arrays: Arrays, serving: Mapping[str, Any]) -> None:
        self._numbers = _ascending(arrays["numbers"])
        factors, self._new_item_bias = arrays["factors"], float(serving["new_item_bias"])
        self._scale, self._newest = np.float32(serving["scale"]), int(serving["history"])
        count, self._dimensions = _matrix(factors, (len(self._numbers), -1)).shape
        whiten = whitening(factors, serving["implicit_weight"], serving["regularisation"])
        # A column per item: its whitened factors, its bias, its popularity.
        self._known = np.vstack(
            [
                whiten @ factors.T,
                _matrix(arrays["biases"], (count,)),
                _matrix(arrays["popularity"], (count,)),
            ]
        )
        names = decode_strings(arrays, name="features")
        self._feature = {name: row for row, name in enumerate(names)}
        shape = (len(names), self._dimensions)
        factors_and_bias = [
            _matrix(arrays["feature_factors"], shape) @ whiten.T,
            _matrix(arrays["feature_biases"], shape[:1])[:, None],
        ]
        self._features = np.hstack(factors_and_bias)
        # Columns and not rows: the product with a batch of tastes is 1.8 times as fast this way.
        self._columns: Floats = np.zeros((self._dimensions + 2, 0), np.float32)
        self._size = 0

    @property
    def popularity(self) -> Floats:
        """See `Scorer`."""
        return self._columns[-1, : self._size]

    def place(self, items: Sequence[Item], size: int) -> None:
        """See `Scorer`. An item unknown to the model is the sum of its features."""
        self._columns = _grown(self._columns, size)
        self._size = max(self._size, size)
        numbers, rows = _known_rows(self._numbers, items)
        self._columns[:, numbers] = self._known[:, rows]
        known = set(numbers.tolist())
        new = [item for item in items if item.number not in known]
        for start in range(0, len(new), PLACED_AT_ONCE):
            self._place_new(new[start : start + PLACED_AT_ONCE])

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
        items, weights = self._padded(histories)
        tastes = np.zeros((len(histories), self._dimensions + 2), np.float32)
        factors = np.take(self._columns[:-2], items, axis=1).transpose(1, 2, 0)
        tastes[:, :-2] = self._scale * fold_in(np.ascontiguousarray(factors), weights)
        empty = ~weights.any(axis=1)
        tastes[:, -2] = ~empty
        tastes[:, -1] = empty
        return tastes

    def _padded(self, histories: Sequence[History]) -> tuple[NDArray[np.intp], Floats]:
        longest = max((len(history.items) for history in histories), default=0)
        width = max(1, min(longest, self._newest))
        items = np.zeros((len(histories), width), np.intp)
        weights = np.zeros((len(histories), width), np.float32)
        for row, history in enumerate(histories):
            length = min(len(history.items), width)
            items[row, :length] = history.items[len(history.items) - length :]
            weights[row, :length] = history.weights[len(history.weights) - length :]
        unplaced = (items >= self._size) | (items < 0)
        items[unplaced], weights[unplaced] = 0, 0.0
        return items, weights


def _grown(array: Floats, size: int) -> Floats:
    """Return the array with room for `size` columns; doubled, so that growing costs little per item."""
    if size <= array.shape[-1]:
        return array
    room = np.zeros((*array.shape[:-1], max(size, 2 * array.shape[-1])), np.float32)
    room[..., : array.shape[-1]] = array
    return room


def _known_rows(numbers: Ints, items: Sequence[Item]) -> tuple[Ints, NDArray[np.intp]]:
    asked = np.fromiter((item.number for item in items), np.int32, len(items))
    rows = np.searchsorted(numbers, asked)
    rows[rows == len(numbers)] = 0
    known = numbers[rows] == asked if len(numbers) else np.zeros(len(asked), bool)
    return asked[known], rows[known]


def _ascending(numbers: NDArray[Any]) -> Ints:
    if numbers.ndim != 1 or (len(numbers) and (numbers[0] < 0 or (np.diff(numbers) <= 0).any())):
        raise ValueError("The model's item numbers are not ascending.")
    return numbers.astype(np.int32)


def _matrix(array: NDArray[Any], shape: tuple[int, ...]) -> Floats:
    fits = array.ndim == len(shape) and all(
        n in (-1, m) for n, m in zip(shape, array.shape, strict=True)
    )
    if not fits or not np.isfinite(array).all():
        raise ValueError(f"An array of the model is {array.shape} and not {shape}, or not finite.")
    return np.ascontiguousarray(array, np.float32)
