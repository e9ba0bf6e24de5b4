"""A projection learned from the key: texts are near when they tell of the same part, the same failure.

Ridge regression from rows X to indicators Y of the key's values, each attribute on its own, so that two cases
that share a part but not the failure are half alike: W = Xᵀ(XXᵀ + λI)⁻¹Y, the products solved by conjugate
gradients. The texts are then compared by what the regression says of them, in its first `RANK` directions.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from services.anomaly_similarity.search.cases import Corpus, Floats
from services.anomaly_similarity.search.methods.interface import Fitted
from services.anomaly_similarity.search.spaces import Space

RIDGE = 1.0  # of rows of length 1; from 0.3 to 3 little changes on the work orders
RANK = 128  # directions: on the work orders the same as all, 64 nearly so
NEWEST = 20_000  # labelled cases that are learned from
MOST_VALUES = 1_000  # the commonest of the key's values
STEPS = 100
RESIDUAL = 1e-4  # relative

Doubles = NDArray[np.float64]


def fit(space: Space, corpus: Corpus) -> Fitted | None:
    """Return the projection (terms, d); None where no case has values of the key."""
    indicators = _indicators(corpus)
    labelled = np.flatnonzero(indicators.any(axis=1))[-NEWEST:]
    if not len(labelled):
        return None
    rows = space.rows([corpus.cases[number] for number in labelled.tolist()]).astype(np.float64)
    columns = rows.T.tocsr()
    wanted = indicators[labelled].astype(np.float64)
    solved = _solve(lambda each: rows @ (columns @ each) + RIDGE * each, wanted)
    weights = columns @ solved
    said = rows @ weights
    _, directions = np.linalg.eigh(said.T @ said)  # ascending
    projection: Floats = (weights @ directions[:, -RANK:]).astype(np.float32)
    return Fitted({"projection": projection}, {"ridge": RIDGE, "rank": projection.shape[1]})


def _indicators(corpus: Corpus) -> NDArray[np.bool_]:
    """Return (n, values): which case has which value of the key."""
    columns: list[NDArray[np.bool_]] = []
    for name in corpus.key:
        values = corpus.values(name)
        columns.extend(values == value for value in range(int(values.max(initial=-1)) + 1))
    columns.sort(key=lambda column: -int(column.sum()))
    return np.array(columns[:MOST_VALUES], bool).reshape(-1, len(corpus.cases)).T


def _solve(matrix: Callable[[Doubles], Doubles], wanted: Doubles) -> Doubles:
    """Return the solutions (n, k) of a positive definite system, by conjugate gradients for all at once."""
    solution, residual = np.zeros_like(wanted), wanted.copy()
    direction = residual.copy()
    left = (residual**2).sum(axis=0)
    enough = np.maximum(left * RESIDUAL**2, np.finfo(np.float64).tiny)
    for _ in range(STEPS):
        if (left <= enough).all():
            break
        product = matrix(direction)
        step = left / np.maximum((direction * product).sum(axis=0), enough)
        solution += step * direction
        residual -= step * product
        before, left = left, (residual**2).sum(axis=0)
        direction = residual + left / np.maximum(before, enough) * direction
    return solution
