"""The baseline: what most people like, or liked lately."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from services.recommendations.datasets import Dataset
from services.recommendations.models import Fitted, Progress

DAY = 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class Parameters:
    """`half_life` in days before the newest reaction: a like so old counts half. None: all alike."""

    half_life: float | None = None


def fit(
    dataset: Dataset,
    parameters: Parameters = Parameters(),
    *,
    seed: int = 0,  # noqa: ARG001 - the interface of all models; nothing here is random
    progress: Progress = lambda _: None,
) -> Fitted:
    """Return the model that scores an item by log(1 + people who liked it), each decayed by age."""
    numbers, popularity = liked_items(dataset, half_life=parameters.half_life)
    progress(1.0)
    return Fitted(
        arrays={"numbers": numbers, "popularity": popularity},
        serving={"kind": "popularity", "epoch": dataset.epoch},
        parameters={"model": "popularity", **asdict(parameters)},
    )


def liked_items(
    dataset: Dataset, *, half_life: float | None = None
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the numbers of the items that anybody liked, ascending, and log(1 + people) for each."""
    liked = dataset.interactions.liked
    numbers, rows = np.unique(liked.items, return_inverse=True)
    decayed = None
    if half_life is not None:
        decayed = 0.5 ** ((liked.times.max(initial=-np.inf) - liked.times) / (half_life * DAY))
    people = np.bincount(rows, decayed, len(numbers))
    return numbers.astype(np.int32), np.log1p(people).astype(np.float32)


def likes(dataset: Dataset, numbers: NDArray[np.int32]) -> sp.csr_matrix:
    """Return the positive reactions, users by items, both without gaps: a one each, 12 bytes."""
    liked = dataset.interactions.liked
    users, rows = np.unique(liked.users, return_inverse=True)
    columns = np.searchsorted(numbers, liked.items)
    ones = np.ones(len(liked), np.float32)
    return sp.csr_matrix(
        (ones, (rows.astype(np.int32), columns.astype(np.int32))), (len(users), len(numbers))
    )
