"""Choosing how histories are folded in, by people whose later likes are then not used to judge."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.recommendations.datasets import Dataset, Split
from services.recommendations.evaluation import Evaluation, evaluate, users_to_judge_by
from services.recommendations.models import Fitted
from services.recommendations.scoring import build_scorer

ONE_IN = 5  # people who choose the parameters; the others judge
ENOUGH = 40  # people: with fewer, a choice would be chance, and the defaults stay
AT_MOST = 2_000  # people: with more, the choice no longer changes
GRID = {
    "implicit_weight": (0.01, 0.03),
    "regularisation": (10.0, 30.0, 100.0),
    "scale": (8.0, 16.0),
    "history": (20, 50),
}


def choosers_and_judges(
    dataset: Dataset, split: Split
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return two groups of users that have none in common; nobody chooses where people are few."""
    users = users_to_judge_by(split.holdout, dataset.items)
    chosen = np.arange(len(users)) % ONE_IN == 0
    if chosen.sum() < ENOUGH:
        return users[:0], users
    return users[chosen][:AT_MOST], users[~chosen]


def judge(
    fitted: Fitted, dataset: Dataset, split: Split, users: NDArray[np.intp] | None = None
) -> Evaluation:
    """Return how well a model does for these users' later likes."""
    scorer = build_scorer(fitted.arrays, fitted.serving)
    scorer.place(dataset.items, dataset.size)
    return evaluate(scorer, dataset.items, split.train, split.holdout, users=users)


def tune(fitted: Fitted, dataset: Dataset, split: Split, users: NDArray[np.intp]) -> Fitted:
    """Return the model with the parameters of the grid that rank best for these users (NDCG)."""
    if not len(users):
        return fitted
    candidates = [fitted.serving_with(**parameters) for parameters in _grid()]
    found = [judge(candidate, dataset, split, users).measures.ndcg for candidate in candidates]
    return candidates[int(np.argmax(found))]


def _grid() -> Iterator[dict[str, Any]]:
    for values in product(*GRID.values()):
        yield dict(zip(GRID, values, strict=True))
