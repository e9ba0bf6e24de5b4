"""Latent semantic analysis: the directions in which the rows differ most (Deerwester and others, 1990)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse.linalg import svds

from services.anomaly_similarity.search.cases import Case
from services.anomaly_similarity.search.methods.interface import Fitted
from services.anomaly_similarity.search.spaces import Space

RANK = 200  # dimensions; 100 to 300 are as good on the work orders
NEWEST = 20_000  # cases that are learned from: 200 directions need no more


def fit(space: Space, cases: Sequence[Case], *, rank: int = RANK) -> Fitted:
    """Return the projection (terms, d) on the first singular vectors, d = `rank` or what there is."""
    rows = space.rows(cases[-NEWEST:])
    rank = min(rank, min(rows.shape) - 1)
    if rank < 1 or not rows.nnz:
        return Fitted({"projection": np.zeros((len(space.terms), 1), np.float32)}, {"rank": 0})
    start = np.random.default_rng(0).standard_normal(min(rows.shape))  # the same fit every time
    _, _, directions = svds(rows.astype(np.float64), rank, v0=start)
    return Fitted({"projection": directions.T.astype(np.float32)}, {"rank": rank})
