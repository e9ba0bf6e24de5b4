"""What most people like, the same for everybody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.recommendations.catalogue import Item
from services.recommendations.scorers.interface import (
    Arrays,
    Floats,
    History,
    Taste,
    ascending,
    grown,
    known_rows,
    matrix,
)


class PopularityScorer:
    """Arrays: `numbers` int32 (k,), ascending; `popularity` float32 (k,)."""

    def __init__(self, arrays: Arrays) -> None:
        self._numbers = ascending(arrays["numbers"])
        self._known = matrix(arrays["popularity"], (len(self._numbers),))
        self._places: Floats = np.zeros(0, np.float32)
        self._size = 0

    @property
    def popularity(self) -> Floats:
        """See `Scorer`."""
        return self._places[: self._size]

    def place(self, items: Sequence[Item], size: int) -> None:
        """See `Scorer`. An item that is not in the model has popularity 0."""
        self._places, self._size = grown(self._places, size), max(self._size, size)
        numbers, rows = known_rows(self._numbers, items)
        self._places[numbers] = self._known[rows]

    def score(self, histories: Sequence[History]) -> Floats:
        """See `Scorer`."""
        return np.tile(self.popularity, (len(histories), 1))

    def index(self) -> bool:
        """See `Scorer`. What is the same for everybody needs no search."""
        return False

    def tastes(self, histories: Sequence[History]) -> Sequence[Taste | None]:
        """See `Scorer`."""
        return [None] * len(histories)

    def alike(self, number: int) -> Floats:
        """See `Scorer`. Nothing but itself is like an item."""
        found = np.zeros(self._size, np.float32)
        found[number] = 1.0
        return found

    def pairwise(self, numbers: Sequence[int]) -> Floats:
        """See `Scorer`."""
        return np.eye(len(numbers), dtype=np.float32)

    def contributions(self, history: History, numbers: Sequence[int]) -> Floats:
        """See `Scorer`. No reaction counts."""
        return np.zeros((len(numbers), len(history.items)), np.float32)
