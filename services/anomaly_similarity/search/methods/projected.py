"""Rows projected into a few dimensions, and compared there.

A score is the product of the query's projection with the case's, the latter of length 1: the order is that of
the cosine, and a text of which the projection keeps little can resemble nothing much.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.anomaly_similarity.search.cases import Case, Floats
from services.anomaly_similarity.search.methods.interface import Fitted, Reason, transposed
from services.anomaly_similarity.search.methods.vectors import Vectors
from services.anomaly_similarity.search.spaces import Row, Space

AT_ONCE = 10_000  # cases projected together


class Projected:
    """Cases as what the projection (terms, d) keeps of their rows."""

    def __init__(self, space: Space, fitted: Fitted) -> None:
        self._space = space
        self._projection: Floats = np.ascontiguousarray(fitted.arrays["projection"], np.float32)
        if self._projection.ndim != 2 or len(self._projection) != len(space.terms):
            raise ValueError("The projection has not one row for each term.")
        self._vectors = Vectors(self._projection.shape[1])

    @property
    def size(self) -> int:
        """See `Method`."""
        return self._vectors.size

    def add(self, cases: Sequence[Case]) -> None:
        """See `Method`."""
        self._vectors.reserve(len(cases))
        for start in range(0, len(cases), AT_ONCE):
            part = cases if len(cases) <= AT_ONCE else cases[start : start + AT_ONCE]
            self._vectors.add(self._space.rows(part) @ self._projection)

    def score(self, queries: Sequence[Case]) -> Floats:
        """See `Method`."""
        if len(queries) == 1:
            row = self._space.row(queries[0])
            return self._vectors.score((row.weights @ self._projection[row.columns])[None])
        return self._vectors.score(self._space.rows(queries) @ self._projection)

    def score_of(self, query: Case, numbers: Sequence[int]) -> Floats:
        """See `Method`."""
        found: Floats = self._contributions(self._space.row(query), numbers).sum(axis=0)
        return found

    def likeness(self, numbers: Sequence[int], others: Sequence[int]) -> Floats:
        """See `Method`."""
        return self._vectors.likeness(numbers, others)

    def reasons(self, query: Case, numbers: Sequence[int]) -> list[list[Reason]]:
        """See `Method`."""
        row = self._space.row(query)
        return transposed(row.by_token(self._contributions(row, numbers)), len(numbers))

    def _contributions(self, row: Row, numbers: Sequence[int]) -> Floats:
        """Return what each column adds to each score (c, n)."""
        found: Floats = self._projection[row.columns] @ self._vectors.of(numbers).T
        found *= row.weights[:, None]
        return found
