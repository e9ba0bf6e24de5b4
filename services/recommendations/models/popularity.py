"""The baseline: what most people like."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.recommendations.datasets import Dataset
from services.recommendations.models import Fitted


def fit(dataset: Dataset) -> Fitted:
    """Return the model that scores an item by log(1 + people who liked it)."""
    numbers, popularity = liked_items(dataset)
    return Fitted(
        arrays={"numbers": numbers, "popularity": popularity},
        serving={"kind": "popularity", "epoch": dataset.epoch},
        parameters={"model": "popularity"},
    )


def liked_items(dataset: Dataset) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the numbers of the items that anybody liked, ascending, and log(1 + people) for each."""
    numbers, people = np.unique(dataset.interactions.liked.items, return_counts=True)
    return numbers.astype(np.int32), np.log1p(people).astype(np.float32)
