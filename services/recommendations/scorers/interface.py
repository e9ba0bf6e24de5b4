"""What every serving form gives, and what all of them share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.recommendations.catalogue import Item

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Arrays = Mapping[str, NDArray[Any]]
T = TypeVar("T", bound=np.generic)

# Items up to which all are scored for every list. Beyond it the best are searched for first, and vectors
# stay where they are mapped. At 100,000 × 64 scoring all takes 1 to 2 ms, as much as the rest of a request.
EXACT = 100_000

HALF_LIVES = 7  # a reaction older than these counts less than a hundredth, and is left out
LONGEST = 1_000  # reactions of a history that count where a model sets no bound of its own

ROUNDING = (
    1e-3  # a spread below this share of the scores' size is rounding: the sums have seven digits
)
TINY = 1e-9  # below it all scores are 0, and stay so


@dataclass(frozen=True, slots=True)
class History:
    """What one person did: item numbers and preferences in [-1, 1], side by side, the newest last."""

    items: Ints
    weights: Floats


NOTHING = History(np.zeros(0, np.int32), np.zeros(0, np.float32))


class Taste(Protocol):
    """One history, ready to score some items and not all: the second stage of a two-stage search."""

    @property
    def spread(self) -> float | None:
        """Return the standard deviation of the scores of all items; None for a blend, which is no part."""

    def best(self, count: int) -> Ints:
        """Return about `count` numbers, ascending, that hold nearly all of the highest scores."""

    def at(self, numbers: NDArray[Any]) -> Floats:
        """Return the scores (n,) of these numbers: what `Scorer.score` gives them, but for rounding."""


class Scorer(Protocol):
    """A model, ready to serve. A row or column of its arrays is an item's number."""

    @property
    def popularity(self) -> Floats:
        """Return (size,): log(1 + people who liked the item when the model was trained)."""

    def place(self, items: Sequence[Item], size: int) -> None:
        """Give these items (new or changed) their place among at least `size` items."""

    def score(self, histories: Sequence[History]) -> Floats:
        """Return new scores (histories, size), higher is better; an empty history gets popularity."""

    def index(self) -> bool:
        """Prepare `tastes` where the catalogue is large, and tell whether it is and `tastes` are to be used.

        Takes a core some 20 s for a million items: call it in a thread, before anybody asks for scores.
        """

    def tastes(self, histories: Sequence[History]) -> Sequence[Taste | None]:
        """Return one taste for each history; None where all items are to be scored. After `index`."""

    def alike(self, number: int) -> Floats:
        """Return new similarities (size,) in [-1, 1] of every item to this one, 0 where nothing is known."""

    def pairwise(self, numbers: Sequence[int]) -> Floats:
        """Return new similarities (n, n) in [-1, 1] of these items to each other, 1 on the diagonal."""

    def contributions(self, history: History, numbers: Sequence[int]) -> Floats:
        """Return new (n, reactions): what each reaction of the history adds to each of these items' scores."""


class Recency:
    """How much a reaction counts by its place from the newest: the only code that decides it.

    The serving parameter `half_life` is in reactions: the newest counts in full, the one so many places
    before it half, 0.5 ** (place / half_life). None: all alike. `history` bounds how many count at all.
    """

    def __init__(self, serving: Mapping[str, Any]) -> None:
        half_life = serving.get("half_life")
        newest = int(serving.get("history") or LONGEST)
        if half_life is None:
            decay = np.ones(newest, np.float32)
        else:
            places = np.arange(min(newest, max(1, int(HALF_LIVES * half_life))))
            decay = (0.5 ** (places / half_life)).astype(np.float32)
        self._decay = decay[::-1]  # the oldest first, as in a history

    def decay(self, length: int) -> Floats:
        """Return what the newest reactions of a history of this length count, the newest last."""
        return self._decay[max(0, len(self._decay) - length) :]

    def recent(self, history: History, size: int) -> History:
        """Return the reactions that count, with weights decayed; those to items not placed get 0."""
        decay = self.decay(len(history.items))
        start = len(history.items) - len(decay)
        items, weights = history.items[start:], history.weights[start:] * decay
        unplaced = (items >= size) | (items < 0)
        if unplaced.any():
            items, weights = np.where(unplaced, 0, items), np.where(unplaced, 0, weights)
        return History(items, weights)

    def padded(self, histories: Sequence[History], size: int) -> tuple[NDArray[np.intp], Floats]:
        """Return what `recent` does for each, (histories, longest), with 0 before what is shorter."""
        longest = max((len(history.items) for history in histories), default=0)
        decay = self.decay(max(1, longest))
        items = np.zeros((len(histories), len(decay)), np.intp)
        weights = np.zeros(items.shape, np.float32)
        for row, history in enumerate(histories):
            if count := min(len(history.items), len(decay)):
                items[row, -count:] = history.items[-count:]
                weights[row, -count:] = history.weights[-count:]
        weights *= decay
        unplaced = (items >= size) | (items < 0)
        if unplaced.any():
            items[unplaced], weights[unplaced] = 0, 0.0
        return items, weights


def features_of(item: Item) -> list[str]:
    """Return the names of an item's features: what a model can know of it before anybody reacted."""
    genres = [f"genre:{genre}" for genre in dict.fromkeys(item.genres)]
    return genres + [f"label:{key}:{value}" for key, value in item.labels.items()]


def spread(squares: NDArray[Any], means: NDArray[Any]) -> Floats:
    """Return the standard deviations for mean squares and means, never so small that they are rounding."""
    variances = np.maximum(squares - means**2, ROUNDING**2 * squares)
    return np.asarray(np.maximum(np.sqrt(variances), TINY), np.float32)


def spread_of(scores: Floats) -> Floats:
    """Return the standard deviation (n,) of each row of scores (n, size) over the items."""
    size = max(1, scores.shape[1])
    return spread(np.vecdot(scores, scores) / size, scores.sum(axis=1) / size)


def grown(array: NDArray[T], size: int) -> NDArray[T]:
    """Return the array with room for `size` rows; doubled, so that growing costs little per item."""
    if size <= len(array):
        return array
    room = np.zeros((max(size, 2 * len(array)), *array.shape[1:]), array.dtype)
    room[: len(array)] = array
    return room


def known_rows(numbers: Ints, items: Sequence[Item]) -> tuple[Ints, NDArray[np.intp]]:
    """Return the numbers of those of the items that are in the model, and their rows there."""
    asked = np.fromiter((item.number for item in items), np.int32, len(items))
    rows = np.searchsorted(numbers, asked)
    rows[rows == len(numbers)] = 0
    known = numbers[rows] == asked if len(numbers) else np.zeros(len(asked), bool)
    return asked[known], rows[known]


def ascending(numbers: NDArray[Any]) -> Ints:
    """Return the item numbers of a model; raise `ValueError` where they are not ascending."""
    if numbers.ndim != 1 or (len(numbers) and (numbers[0] < 0 or (np.diff(numbers) <= 0).any())):
        raise ValueError("The model's item numbers are not ascending.")
    return numbers.astype(np.int32, copy=False)


def matrix(array: NDArray[Any], shape: tuple[int, ...]) -> Floats:
    """Return the array as float32; raise `ValueError` where its shape (-1: any) or a value is wrong."""
    fits = array.ndim == len(shape) and all(
        n in (-1, m) for n, m in zip(shape, array.shape, strict=True)
    )
    if not fits or not np.isfinite(array).all():
        raise ValueError(f"An array of the model is {array.shape} and not {shape}, or not finite.")
    return np.ascontiguousarray(array, np.float32)
