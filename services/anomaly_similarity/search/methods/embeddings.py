"""Sentence embeddings: the cosine of the sums of two texts' word vectors, which were learned elsewhere.

The words are those that the vocabulary reads: typos mended, abbreviations written out, accents folded.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.anomaly_similarity.search.cases import Case, Floats
from services.anomaly_similarity.search.embedder import Embedder
from services.anomaly_similarity.search.methods.interface import Reason, transposed
from services.anomaly_similarity.search.methods.vectors import TINY, Vectors, unit
from services.anomaly_similarity.search.vocabulary import Vocabulary

REMEMBERED = 20_000  # words whose vectors are kept: 20 MB of width 256


class Embeddings:
    """Cases as the sums of their words' vectors."""

    def __init__(self, vocabulary: Vocabulary, embedder: Embedder) -> None:
        self._vocabulary, self._embedder = vocabulary, embedder
        self._vectors = Vectors(embedder.width)
        self._known: dict[str, Floats] = {}

    @property
    def size(self) -> int:
        """See `Method`."""
        return self._vectors.size

    def add(self, cases: Sequence[Case]) -> None:
        """See `Method`."""
        self._vectors.add(self._sums(cases))

    def score(self, queries: Sequence[Case]) -> Floats:
        """See `Method`. The cosine, in [-1, 1]."""
        return self._vectors.score(unit(self._sums(queries)))

    def score_of(self, query: Case, numbers: Sequence[int]) -> Floats:
        """See `Method`."""
        found: Floats = self._vectors.of(numbers) @ unit(self._sums([query])[0])
        return found

    def likeness(self, numbers: Sequence[int], others: Sequence[int]) -> Floats:
        """See `Method`."""
        return self._vectors.likeness(numbers, others)

    def reasons(self, query: Case, numbers: Sequence[int]) -> list[list[Reason]]:
        """See `Method`."""
        words = self._vocabulary.read(query.description)
        rows = self._rows(words)
        length = np.linalg.norm(rows.sum(axis=0))
        shares: dict[tuple[str, str], Floats] = {}
        for word, share in zip(words, rows @ self._vectors.of(numbers).T, strict=True):
            token = ("description", word)
            shares[token] = shares.get(token, np.float32(0)) + share / max(length, TINY)
        return transposed(shares, len(numbers))

    def _sums(self, cases: Sequence[Case]) -> Floats:
        found: Floats = np.zeros((len(cases), self._embedder.width), np.float32)
        for row, case in zip(found, cases, strict=True):
            row[:] = self._rows(self._vocabulary.read(case.description)).sum(axis=0)
        return found

    def _rows(self, words: Sequence[str]) -> Floats:
        """Return the vector of each word (n, width)."""
        if len(self._known) > REMEMBERED:
            self._known.clear()
        fresh = list({word for word in words if word not in self._known})
        if fresh:
            self._known.update(zip(fresh, self._embedder.vectors(fresh), strict=True))
        found: Floats = np.array([self._known[word] for word in words], np.float32)
        return found.reshape(-1, self._embedder.width)
