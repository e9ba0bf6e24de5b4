"""BM25 over words (Robertson, Zaragoza, 2009), with Lucene's idf, log(1 + (N - df + ½) / (df + ½))."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from services.anomaly_similarity.search.cases import Case, Floats
from services.anomaly_similarity.search.methods.interface import Fitted
from services.anomaly_similarity.search.methods.inverted import Inverted
from services.anomaly_similarity.search.spaces import Space

K1, B = 1.5, 0.75  # the values that most engines have, bm25s among them


def fit(space: Space, cases: Sequence[Case]) -> Fitted:
    """Return the weights of the words and the mean length of a text."""
    counts, unknown = space.counts(cases)
    having = np.bincount(counts.indices, minlength=len(space.terms))
    idf = np.log(1 + (len(cases) - having + 0.5) / (having + 0.5)).astype(np.float32)
    lengths = np.asarray(counts.sum(axis=1)).ravel() + unknown
    mean = max(1.0, float(lengths.mean())) if len(cases) else 1.0
    return Fitted({"idf": idf, "length": np.array([mean], np.float32)}, {"k1": K1, "b": B})


def load(space: Space, fitted: Fitted) -> Inverted:
    """Return the method, empty."""
    idf: Floats = np.asarray(fitted.arrays["idf"], np.float32)
    mean = float(fitted.arrays["length"][0])
    if idf.shape != (len(space.terms),):
        raise ValueError("BM25 has not one weight for each word.")

    def rows(cases: Sequence[Case]) -> sparse.csr_array:
        counts, unknown = space.counts(cases)
        lengths = np.asarray(counts.sum(axis=1)).ravel() + unknown
        norms = np.repeat(K1 * (1 - B + B * lengths / mean), np.diff(counts.indptr))
        counts.data = idf[counts.indices] * counts.data * (K1 + 1) / (counts.data + norms)
        return counts.astype(np.float32)

    return Inverted(space, lambda row: row.counts, rows)
