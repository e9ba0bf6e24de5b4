"""A matrix with a column for each item, in tiles that a processor's caches hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.recommendations.scorers.interface import Floats, grown

# 16 vectors × 128 items × 129 dimensions are less than the million multiplications from which on OpenBLAS
# copies a matrix before it multiplies. At 9,216 items and 129 dimensions, 16 vectors at once, that is 24 µs
# a vector where one piece takes 64.
WIDTH = 128
VECTORS = 16


class Tiles:
    """A matrix (rows, items), zero at first. Memory: 4 bytes a value, and up to twice that after it grew."""

    def __init__(self, rows: int) -> None:
        self._tiles: Floats = np.zeros((0, rows, WIDTH), np.float32)

    def grow(self, size: int) -> None:
        """Give room to `size` items."""
        self._tiles = grown(self._tiles, -(-size // WIDTH))

    def put(self, numbers: NDArray[Any], columns: Floats) -> None:
        """Set the columns (n, rows) of these items."""
        self._tiles[numbers // WIDTH, :, numbers % WIDTH] = columns

    def product(self, vectors: Floats, size: int) -> Floats:
        """Return the new (n, size) products of the vectors (n, rows) with the first `size` columns."""
        tiles = self._tiles[: -(-size // WIDTH)]
        groups = max(1, -(-len(vectors) // VECTORS))
        height = -(-len(vectors) // groups)
        padded = np.zeros((groups, height, vectors.shape[1]), np.float32)
        padded.reshape(groups * height, vectors.shape[1])[: len(vectors)] = vectors
        found = np.empty((groups, height, len(tiles), WIDTH), np.float32)
        # Each tile is read once, for all groups.
        np.matmul(padded, tiles[:, None], out=found.transpose(2, 0, 1, 3))
        return found.reshape(groups * height, len(tiles) * WIDTH)[: len(vectors), :size]
