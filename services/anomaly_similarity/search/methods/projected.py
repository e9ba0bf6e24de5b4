"""Rows projected to a few dimensions, and compared there.

A score is the product of the query's projection with the case's, the latter of length 1: the order is that of
the cosine, and a text of which the projection keeps little can resemble nothing much.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.anomaly_similarity.search.cases import Case, Floats
from services.anomaly_similarity.search.methods.interface import Fitted, Reason, grown, transposed
from services.anomaly_similarity.search.spaces import Row, Space

TINY = 1e-9
AT_ONCE = 10_000  # cases projected together


class Projected:
    """Cases as vectors of length 1 (size, d); 4·d bytes each."""

    def __init__(self, space: Space, fitted: Fitted) -> None:
        self._space = space
        self._projection: Floats = np.ascontiguousarray(fitted.arrays["projection"], np.float32)
        if self._projection.ndim != 2 or len(self._projection) != len(space.terms):
            raise ValueError("The projection has not one row for each term.")
        self._vectors: Floats = np.zeros((0, self._projection.shape[1]), np.float32)
        self.size = 0

    def add(self, cases: Sequence[Case]) -> None:
        """See `Method`."""
        self._vectors = grown(self._vectors, self.size + len(cases))
        for start in range(0, len(cases), AT_ONCE):
            part = cases if len(cases) <= AT_ONCE else cases[start : start + AT_ONCE]
            found = self._space.rows(part) @ self._projection
            found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), TINY)
            self._vectors[self.size : self.size + len(part)] = found
            self.size += len(part)

    def score(self, queries: Sequence[Case]) -> Floats:
        """See `Method`."""
        vectors = self._vectors[: self.size]
        if len(queries) == 1:
            row = self._space.row(queries[0])
            asked = row.weights @ self._projection[row.columns]
            # Twice as fast as a product with one row by OpenBLAS, which does not reach the memory's speed.
            one: Floats = np.einsum("ij,j->i", vectors, asked)[None]
            return one
        scores: Floats = (self._space.rows(queries) @ self._projection) @ vectors.T
        return scores

    def score_of(self, query: Case, numbers: Sequence[int]) -> Floats:
        """See `Method`."""
        found: Floats = self._contributions(self._space.row(query), numbers).sum(axis=0)
        return found

    def likeness(self, numbers: Sequence[int], others: Sequence[int]) -> Floats:
        """See `Method`."""
        found: Floats = self._vectors[list(numbers)] @ self._vectors[list(others)].T
        return found

    def reasons(self, query: Case, numbers: Sequence[int]) -> list[list[Reason]]:
        """See `Method`."""
        row = self._space.row(query)
        return transposed(row.by_token(self._contributions(row, numbers)), len(numbers))

    def _contributions(self, row: Row, numbers: Sequence[int]) -> Floats:
        """Return what each column adds to each score (c, n)."""
        found: Floats = self._projection[row.columns] @ self._vectors[list(numbers)].T
        found *= row.weights[:, None]
        return found
