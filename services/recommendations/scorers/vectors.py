"""The vectors of items by number: copied for speed, or read where they lie mapped from disk.

A vector is an item's whitened factors and its bias (d + 1). Zeros where no item was put.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.recommendations.scorers.interface import Floats, Ints, grown
from services.recommendations.scorers.tiles import Tiles

BLOCK = (
    8_192  # model rows multiplied at once: 32 products of each are 1 MB, in the processor's cache
)


class Copied:
    """Copies: in rows to be gathered, in tiles to be multiplied. Takes 8(d + 1) bytes an item."""

    def __init__(self, dimensions: int) -> None:
        self._rows: Floats = np.zeros((0, dimensions + 1), np.float32)
        self._tiles = Tiles(dimensions + 1)

    def grow(self, size: int) -> None:
        """Give room to `size` items."""
        self._rows = grown(self._rows, size)
        self._tiles.grow(size)

    def put(self, numbers: NDArray[Any], vectors: Floats, rows: NDArray[np.intp] | None) -> None:
        """Set these items' vectors; `rows` are theirs in the model, None where it does not know them."""
        del rows
        self._rows[numbers] = vectors
        self._tiles.put(numbers, vectors)

    def at(self, numbers: NDArray[Any]) -> Floats:
        """Return the vectors (..., d + 1) of these numbers (...)."""
        found: Floats = self._rows[numbers]
        return found

    def product(self, tastes: Floats, size: int) -> Floats:
        """Return the new (n, size) products of tastes (n, d + 1) with the first `size` vectors."""
        return self._tiles.product(tastes, size)


class Mapped:
    """The model's own factors and biases, not copied; only items that it does not know have vectors here.

    For z = L⁻¹v is u·z = (L⁻ᵀu)·v: a taste is turned instead of all items. Where the store is a folder,
    processes share what lies on disk. Takes 4 bytes an item, and 4(d + 2) for an unknown one.
    """

    def __init__(self, numbers: Ints, factors: Floats, biases: Floats, whiten: Floats) -> None:
        self._numbers, self._factors, self._biases = numbers, factors, biases
        self._whiten = whiten
        self._place: Ints = np.zeros(0, np.int32)  # 1 + row in the model; -row in `_own`; 0: nobody
        self._own: Floats = np.zeros((1, factors.shape[1] + 1), np.float32)
        self._owners: Ints = np.zeros(1, np.int32)  # numbers; the first row is nobody's
        self._owned = 1

    def grow(self, size: int) -> None:
        """Give room to `size` items."""
        self._place = grown(self._place, size)

    def put(self, numbers: NDArray[Any], vectors: Floats, rows: NDArray[np.intp] | None) -> None:
        """See `Copied`."""
        if rows is not None:
            self._place[numbers] = rows + 1
            return
        fresh = np.unique(numbers[self._place[numbers] == 0])
        end = self._owned + len(fresh)
        self._own, self._owners = grown(self._own, end), grown(self._owners, end)
        self._owners[self._owned : end] = fresh
        self._place[fresh] = -np.arange(self._owned, end)
        self._owned = end
        self._own[-self._place[numbers]] = vectors

    def at(self, numbers: NDArray[Any]) -> Floats:
        """See `Copied`."""
        place = self._place[numbers]
        found: Floats = self._own[np.maximum(-place, 0)]
        known = place > 0
        rows = place[known] - 1
        found[known, :-1] = self._factors[rows] @ self._whiten.T
        found[known, -1] = self._biases[rows]
        return found

    def dots(self, taste: Floats, numbers: NDArray[Any]) -> Floats:
        """Return the products (n,) of a taste (d + 1,) with these numbers' vectors."""
        place = self._place.take(numbers, mode="clip")
        found = np.zeros(len(place), np.float32)
        known, new = place > 0, place < 0
        rows = place[known] - 1
        found[known] = self._factors[rows] @ (taste[:-1] @ self._whiten)
        found[known] += taste[-1] * self._biases[rows]
        if new.any():
            found[new] = self._own[-place[new]] @ taste
        return found

    def product(self, tastes: Floats, size: int) -> Floats:
        """See `Copied`."""
        found = np.zeros((len(tastes), size), np.float32)
        turned = tastes[:, :-1] @ self._whiten
        for start in range(0, int(np.searchsorted(self._numbers, size)), BLOCK):
            numbers = self._numbers[start : start + BLOCK]
            numbers = numbers[: np.searchsorted(numbers, size)]
            rows = slice(start, start + len(numbers))
            first, last = int(numbers[0]), int(numbers[-1])
            together = last - first == len(numbers) - 1  # none is left out: no need to spread them
            scores = found[:, first : last + 1] if together else None
            scores = np.matmul(turned, self._factors[rows].T, out=scores)
            scores += tastes[:, -1:] * self._biases[rows]
            if not together:
                found[:, numbers] = scores
        owners = self._owners[1 : self._owned]
        inside = np.flatnonzero(owners < size) + 1
        found[:, self._owners[inside]] = tastes @ self._own[inside].T
        return found

    @property
    def placed(self) -> NDArray[np.intp]:
        """Return the numbers that have a vector, ascending."""
        return np.flatnonzero(self._place)
