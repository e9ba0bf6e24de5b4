"""Cases as dense vectors of length 1, zeros where nothing is known of a case; 4·d bytes each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.anomaly_similarity.search.cases import Floats
from services.anomaly_similarity.search.methods.interface import grown

TINY = 1e-9


class Vectors:
    """Rows (size, width) that grow."""

    def __init__(self, width: int) -> None:
        self._rows: Floats = np.zeros((0, width), np.float32)
        self.size = 0

    def add(self, rows: Floats) -> None:
        """Put these rows (n, width), of any length, behind those that are there."""
        end = self.size + len(rows)
        self.reserve(len(rows))
        self._rows[self.size : end] = unit(rows)
        self.size = end

    def reserve(self, count: int) -> None:
        """Make room for so many more rows at once: what comes in parts is then copied once."""
        self._rows = grown(self._rows, self.size + count)

    def of(self, numbers: Sequence[int]) -> Floats:
        """Return the rows (n, width) of these cases."""
        found: Floats = self._rows[list(numbers)]
        return found

    def score(self, asked: Floats) -> Floats:
        """Return the products (queries, size) with these queries (queries, width)."""
        rows = self._rows[: self.size]
        if len(asked) == 1:
            # Twice as fast as a product with one row by OpenBLAS, which does not reach the memory's speed.
            one: Floats = np.einsum("ij,j->i", rows, asked[0])[None]
            return one
        scores: Floats = asked @ rows.T
        return scores

    def likeness(self, numbers: Sequence[int], others: Sequence[int]) -> Floats:
        """Return the cosines (n, k) between the first and the second cases."""
        found: Floats = self.of(numbers) @ self.of(others).T
        return found


def unit(rows: Floats) -> Floats:
    """Return the rows with length 1; zeros stay zeros."""
    found: Floats = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), TINY)
    return found
