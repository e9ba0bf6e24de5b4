"""EASE: a linear autoencoder from items to items, in closed form (Steck, 2019).

With the likes X, G = XᵀX and P = (G + λI)⁻¹ the weights are Bᵢⱼ = -Pᵢⱼ / Pⱼⱼ, 0 on the diagonal; what a
history gives an item is the sum of the weights from its items, so that a dislike is taken away.

Memory: 4k² bytes for k liked items, in place, and 24 bytes a weight that is kept. Time: k³ operations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
import psutil
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import lapack

from services.recommendations.datasets import Dataset
from services.recommendations.models import RECENCY, Fitted, Progress, TooLarge
from services.recommendations.models.popularity import liked_items, likes

Floats = NDArray[np.float32]

SHARE = 0.7  # of the free memory that may be taken: the rest is for the data and the other models
COLUMNS_AT_ONCE = 128  # 20 MB at 10,000 items: a block, its size, and the order of that in 64 bits
MOST_ITEMS = (
    50_000  # 10 GB, and half an hour on two cores: beyond it factor models are the better deal
)


@dataclass(frozen=True, slots=True)
class Parameters:
    """`regularisation` λ; `neighbours` is how many weights are kept to each item, the largest; an item that
    fewer than `people` liked gets none: a single history says nothing of what goes together.
    """

    regularisation: float = 400.0
    neighbours: int = 200  # MovieLens latest-small: 300 are no better, 100 take .003 of NDCG
    people: int = 2


def fit(
    dataset: Dataset,
    parameters: Parameters = Parameters(),
    *,
    seed: int = 0,  # noqa: ARG001 - the interface of all models; nothing here is random
    progress: Progress = lambda _: None,
) -> Fitted:
    """Learn from the positive reactions.

    Raises:
        TooLarge: the matrix does not fit into memory; the sentence gives the figures.
    """
    numbers, popularity = liked_items(dataset)
    liked = likes(dataset, numbers)
    frequent = np.flatnonzero(liked.getnnz(axis=0) >= parameters.people)
    require_room(len(frequent))
    inverse = _inverse(liked[:, frequent], parameters.regularisation)
    progress(0.8)
    sources, values = _largest(inverse, parameters.neighbours)
    precisions = np.ones(len(numbers), np.float32)
    precisions[frequent] = inverse.diagonal()
    del inverse  # before what is kept of it is put in order
    weights = _by_source(sources, values)
    lengths = np.zeros(len(numbers), np.int64)
    lengths[frequent] = np.diff(weights.indptr)
    progress(1.0)
    return Fitted(
        arrays={
            "numbers": numbers,
            "popularity": popularity,
            "starts": np.concatenate([[0], np.cumsum(lengths)]),
            "targets": numbers[frequent][weights.indices],
            "weights": weights.data,
            "precisions": precisions,
        },
        serving={"kind": "neighbours", "epoch": dataset.epoch, **RECENCY},
        parameters={"model": "ease", **asdict(parameters)},
    )


def require_room(items: int) -> None:
    """Raise `TooLarge` unless a matrix of these items fits into the memory that is free."""
    needed, free = 4 * items**2, SHARE * psutil.virtual_memory().available
    if needed > free or items > MOST_ITEMS:
        raise TooLarge(
            f"EASE was left out: {items:,} items with likes take {needed / 1e9:.1f} GB; it may have"
            f" {free / 1e9:.1f} GB here, and {MOST_ITEMS:,} items anywhere."
        )


def _inverse(liked: sp.csr_matrix, regularisation: float) -> Floats:
    """Return (XᵀX + λI)⁻¹, by Cholesky's decomposition, in the place of the one matrix that there is."""
    items = liked.shape[1]
    gram = np.zeros((items, items), np.float32)
    if not items:
        return gram
    transposed = liked.T.tocsr()
    for part in _parts(items):
        gram[part] = (transposed[part] @ liked).toarray()
    gram[np.diag_indices(items)] += np.float32(regularisation)
    # Seen in columns (what LAPACK takes without a copy) the lower triangle is the upper one of the rows.
    factor, failed = lapack.spotrf(gram.T, lower=1, overwrite_a=1, clean=0)
    if not failed:
        factor, failed = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise ValueError(f"EASE cannot invert its matrix with λ = {regularisation}.")
    inverse: Floats = factor.T
    for part in _parts(items):
        inverse[part.stop :, part] = inverse[part, part.stop :].T
        block = inverse[part, part]
        block[:] = np.triu(block) + np.triu(block, 1).T
    return inverse


def _largest(inverse: Floats, neighbours: int) -> tuple[NDArray[np.int32], Floats]:
    """Return from where the largest of -Pᵢⱼ / Pⱼⱼ by size lead to each item, and those: (items, kept)."""
    items = len(inverse)
    kept = max(0, min(neighbours, items - 1))
    sources = np.empty((items, kept), np.int32)
    values = np.empty((items, kept), np.float32)
    for part in _parts(items) if kept else ():
        columns = inverse[:, part].T.copy()  # rows are columns: the matrix is symmetric
        own = np.arange(part.start, part.stop)
        diagonal = columns[own - part.start, own]
        columns[own - part.start, own] = 0.0
        best = np.argpartition(np.abs(columns), items - kept, axis=1)[:, items - kept :]
        sources[part] = best
        values[part] = -np.take_along_axis(columns, best, axis=1) / diagonal[:, None]
    return sources, values


def _by_source(sources: NDArray[np.int32], values: Floats) -> sp.csr_matrix:
    """Return the weights that `_largest` found, as (from, to)."""
    items, kept = sources.shape
    targets = np.repeat(np.arange(items, dtype=np.int32), kept)
    shape = (items, items)
    found = sp.csr_matrix((values.ravel(), (sources.ravel(), targets)), shape)
    found.sort_indices()
    return found


def _parts(items: int) -> Iterator[slice]:
    for start in range(0, items, COLUMNS_AT_ONCE):
        yield slice(start, min(items, start + COLUMNS_AT_ONCE))
