"""Implicit ALS: embeddings of users and items by alternating least squares (Hu, Koren, Volinsky, 2008).

A like has the confidence 1 + α, everything else is a zero of confidence 1. With that, folding a history in
as `folding.py` does is the very step by which training finds a user, divided by α:
implicit weight 1/α and regularisation λ/α.

Needs the package `implicit` (extra `train`). Memory: 4d bytes a user and an item, 12 bytes a like, twice.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from services.model_store import encode_strings
from services.recommendations.datasets import Dataset
from services.recommendations.models import RECENCY, Fitted, Progress
from services.recommendations.models.popularity import liked_items, likes


@dataclass(frozen=True, slots=True)
class Parameters:
    """`confidence` is α; `regularisation` is λ, beside the weight 1 of every zero."""

    dimensions: int = 128
    regularisation: float = 30.0
    confidence: float = 3.0
    iterations: int = 15


def fit(
    dataset: Dataset,
    parameters: Parameters = Parameters(),
    *,
    seed: int = 0,
    progress: Progress = lambda _: None,
) -> Fitted:
    """Learn from the positive reactions. Each row is solved alone, so that threads change nothing."""
    numbers, popularity = liked_items(dataset)
    factors = _train(likes(dataset, numbers), parameters, seed, progress)
    return Fitted(
        arrays={
            "numbers": numbers,
            "popularity": popularity,
            "factors": factors,
            "biases": np.zeros(len(numbers), np.float32),
            "feature_factors": np.zeros((0, factors.shape[1]), np.float32),
            "feature_biases": np.zeros(0, np.float32),
            **encode_strings([], name="features"),
        },
        serving={
            "kind": "factors",
            "epoch": dataset.epoch,
            "implicit_weight": 1 / parameters.confidence,
            "regularisation": parameters.regularisation / parameters.confidence,
            "scale": 1.0,
            "new_item_bias": 0.0,
            **RECENCY,
        },
        parameters={"model": "als", "seed": seed, **asdict(parameters)},
    )


def _train(
    likes: sp.csr_matrix, parameters: Parameters, seed: int, progress: Progress
) -> NDArray[np.float32]:
    """Return the factors of the items. `likes` is used up."""
    likes.data[:] = 1 + parameters.confidence
    # Its own threads and those of the BLAS get in each other's way; it looks for them when it is made.
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=min(parameters.dimensions, likes.shape[1]),
            regularization=parameters.regularisation,
            alpha=1.0,
            iterations=parameters.iterations,
            random_state=seed,
        )
        model.fit(
            likes,
            show_progress=False,
            callback=lambda step, *_: progress((step + 1) / parameters.iterations),
        )
    return np.asarray(model.item_factors, np.float32)
