"""Sparse rows by column: a query visits only the cases that share a term with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy import sparse

from services.anomaly_similarity.search.cases import Case, Floats, Ints
from services.anomaly_similarity.search.methods.interface import Reason, transposed
from services.anomaly_similarity.search.spaces import Row, Space

# Cases added since the last turn of the rows into columns, which are multiplied as rows. 1,000 of them cost
# 0.2 ms a query; turning 100,000 takes 0.2 s.
TAIL = 1_000
SHARE = 0.05  # of the cases, where that is more
TINY = 1e-9

Encode = Callable[[Sequence[Case]], sparse.csr_array]


class Inverted:
    """Scores that are sums over common terms: query weight × case weight."""

    def __init__(self, space: Space, weigh: Callable[[Row], Floats], rows: Encode) -> None:
        """Take what the columns of a query weigh (c,), and how cases become rows, their columns ascending."""
        self._space, self._weigh, self._encode = space, weigh, rows
        width = len(space.terms)
        self._rows = sparse.csr_array((0, width), dtype=np.float32)
        self._tail = sparse.csr_array((0, width), dtype=np.float32)
        self._columns = self._rows.tocsc()

    @property
    def size(self) -> int:
        """See `Method`."""
        return int(self._rows.shape[0] + self._tail.shape[0])

    def add(self, cases: Sequence[Case]) -> None:
        """See `Method`."""
        self._tail = sparse.vstack([self._tail, self._encode(cases)], format="csr")
        if self._tail.shape[0] > max(TAIL, SHARE * self._rows.shape[0]):
            self._rows = sparse.vstack([self._rows, self._tail], format="csr")
            self._columns = self._rows.tocsc()
            self._tail = self._tail[:0]

    def score(self, queries: Sequence[Case]) -> Floats:
        """See `Method`."""
        scores = np.zeros((len(queries), self.size), np.float32)
        head = self._rows.shape[0]
        for line, query in zip(scores, queries, strict=True):
            row = self._space.row(query)
            weights = self._weigh(row)
            line[:head] = _taken(self._columns, row.columns) @ weights
            asked = np.zeros(len(self._space.terms), np.float32)
            asked[row.columns] = weights
            line[head:] = self._tail @ asked
        return scores

    def score_of(self, query: Case, numbers: Sequence[int]) -> Floats:
        """See `Method`."""
        found: Floats = self._contributions(self._space.row(query), numbers).sum(axis=0)
        return found

    def likeness(self, numbers: Sequence[int], others: Sequence[int]) -> Floats:
        """See `Method`."""
        one, other = self._stored(numbers), self._stored(others)
        found: Floats = (one @ other.T).toarray()
        found /= np.maximum(_lengths(one)[:, None] * _lengths(other), TINY)
        return found

    def reasons(self, query: Case, numbers: Sequence[int]) -> list[list[Reason]]:
        """See `Method`."""
        row = self._space.row(query)
        return transposed(row.by_token(self._contributions(row, numbers)), len(numbers))

    def _contributions(self, row: Row, numbers: Sequence[int]) -> Floats:
        """Return what each column adds to each score (c, n)."""
        found = np.zeros((len(row.columns), len(numbers)), np.float32)
        for place, number in enumerate(numbers):
            columns, weights = self._of_case(number)
            _, mine, its = np.intersect1d(
                row.columns, columns, assume_unique=True, return_indices=True
            )
            found[mine, place] = weights[its]
        found *= self._weigh(row)[:, None]
        return found

    def _stored(self, numbers: Sequence[int]) -> sparse.csr_array:
        """Return the rows (n, terms) of these cases."""
        parts = [self._of_case(number) for number in numbers]
        columns = np.concatenate([np.zeros(0, np.int32), *(each for each, _ in parts)])
        weights = np.concatenate([np.zeros(0, np.float32), *(each for _, each in parts)])
        starts = np.concatenate([[0], np.cumsum([len(each) for each, _ in parts])])
        shape = (len(numbers), len(self._space.terms))
        return sparse.csr_array((weights, columns, starts.astype(np.int32)), shape=shape)

    def _of_case(self, number: int) -> tuple[Ints, Floats]:
        head = self._rows.shape[0]
        rows, own = (self._rows, number) if number < head else (self._tail, number - head)
        here = slice(rows.indptr[own], rows.indptr[own + 1])
        return rows.indices[here], rows.data[here]


def _lengths(rows: sparse.csr_array) -> Floats:
    """Return the length of each row (n,)."""
    squares: Floats = np.asarray(rows.multiply(rows).sum(axis=1), np.float32).ravel()
    return np.sqrt(squares)


def _taken(matrix: sparse.csc_array, columns: Ints) -> sparse.csc_array:
    """Return these columns (n, c), copied as they lie: scipy's own indexing does more than is needed."""
    starts, ends = matrix.indptr[columns], matrix.indptr[columns + 1]
    parts = [slice(*ends_of) for ends_of in zip(starts.tolist(), ends.tolist(), strict=True)]
    none = slice(0, 0)
    indices = np.concatenate([matrix.indices[part] for part in parts or [none]])
    data = np.concatenate([matrix.data[part] for part in parts or [none]])
    indptr = np.concatenate([[0], np.cumsum(ends - starts)]).astype(indices.dtype)
    return sparse.csc_array((data, indices, indptr), shape=(matrix.shape[0], len(columns)))
