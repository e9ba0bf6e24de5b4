"""LightFM with the WARP loss: embeddings of items and of their features (Kula, 2015).

Needs the extra `train`; serving never imports this file.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from lightfm import LightFM

from services.model_store import encode_strings
from services.recommendations.datasets import Dataset
from services.recommendations.models import RECENCY, Fitted, Progress
from services.recommendations.models.features import feature_matrix
from services.recommendations.models.popularity import liked_items, likes

# What folding in begins with, where too few people are there to choose by (tuning.py). Measured on
# MovieLens latest-small, as the parameters below.
FOLD_IN = {"implicit_weight": 0.03, "regularisation": 100.0, "scale": 16.0, **RECENCY}


@dataclass(frozen=True, slots=True)
class Parameters:
    """The defaults are from MovieLens latest-small, validated on each user's last 20 % of the training part.

    There 15 epochs were as good as 30, and features at full weight took .01 of NDCG from known items
    while a tenth to a third of it took nothing.
    """

    dimensions: int = 64
    epochs: int = 15
    learning_rate: float = 0.05
    max_sampled: int = 30  # negatives that are tried for each positive
    feature_weight: float = 0.2  # of each genre and label, beside 1 for the item itself
    threads: int = 1  # with more, the same seed gives another model each time


def fit(
    dataset: Dataset,
    parameters: Parameters = Parameters(),
    *,
    seed: int = 0,
    progress: Progress = lambda _: None,
) -> Fitted:
    """Learn from the positive reactions; items that nobody liked are left to their features."""
    numbers, popularity = liked_items(dataset)
    names, features = feature_matrix(dataset.items, numbers)
    own = sp.identity(len(numbers), dtype=np.float32)
    known = sp.hstack([own, features * np.float32(parameters.feature_weight)]).tocsr()
    model = _train(likes(dataset, numbers).tocoo(), known, parameters, seed, progress)
    own_biases, feature_biases = np.split(model.item_biases, [len(numbers)])
    weight = np.float32(parameters.feature_weight)
    return Fitted(
        arrays={
            "numbers": numbers,
            "popularity": popularity,
            "factors": known @ model.item_embeddings,
            "biases": known @ model.item_biases,
            "feature_factors": weight * model.item_embeddings[len(numbers) :],
            "feature_biases": weight * feature_biases,
            **encode_strings(names, name="features"),
        },
        serving={
            "kind": "factors",
            "epoch": dataset.epoch,
            # What nobody liked yet is taken for one of the less liked items, not for an average one.
            "new_item_bias": float(np.quantile(own_biases, 0.25)),
            **FOLD_IN,
        },
        parameters={"model": "lightfm", "seed": seed, **asdict(parameters)},
    )


def _train(
    likes: sp.coo_matrix,
    features: sp.csr_matrix,
    parameters: Parameters,
    seed: int,
    progress: Progress,
) -> Any:
    model = LightFM(
        no_components=parameters.dimensions,
        loss="warp",
        learning_rate=parameters.learning_rate,
        max_sampled=parameters.max_sampled,
        random_state=seed,
    )
    for epoch in range(parameters.epochs):
        model.fit_partial(likes, item_features=features, num_threads=parameters.threads)
        progress((epoch + 1) / parameters.epochs)
    return model
