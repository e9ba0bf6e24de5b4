"""Data one can reason about: a checkerboard of tastes (after implicit's `get_checker_board`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from services.model_store import ModelStore
from services.recommendations.catalogue import Item
from services.recommendations.datasets import Dataset, from_columns

SIDE = 40


def board(*, users: int = SIDE, items: int = SIDE, started: float = 0.0) -> Dataset:
    """Even users like even items, odd users odd ones; each liked a different three quarters of them.

    Item i has the genre 'even' or 'odd'; user u reacts at `started` + a time that is u's own.
    """
    random = np.random.default_rng(users * items)
    rows = [
        (f"user-{user:04}", item, 1.0, started + 1000.0 * place + user)
        for user in range(users)
        for place, item in enumerate(random.permutation(np.arange(user % 2, items, 2)).tolist())
        if place < items * 3 // 8
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    catalogue = [
        Item(number, f"item-{number}", genres=("odd" if number % 2 else "even",))
        for number in range(items)
    ]
    return Dataset(from_columns(*columns), catalogue, read=len(rows))


def with_passed_over(dataset: Dataset) -> Dataset:
    """The board, where everybody was shown half of the other colour too, and passed it over."""
    told = dataset.interactions
    people, size = len(told.user_ids), dataset.size
    random = np.random.default_rng(people)
    other = [
        (user, item)
        for user in range(people)
        for item in random.permutation(np.arange((user + 1) % 2, size, 2))[: size // 4].tolist()
    ]
    users, items = np.array(other, np.int32).T
    known = [told.user_ids[user] for user in [*told.users.tolist(), *users.tolist()]]
    all_items = [*told.items.tolist(), *items.tolist()]
    weights = [*told.weights.tolist(), *[-0.3] * len(users)]
    times = [*told.times.tolist(), *random.uniform(0, told.times.max(), len(users)).tolist()]
    return replace(
        dataset, interactions=from_columns(known, all_items, weights, times), from_lists=1.0
    )


@pytest.fixture
def passed_over(checkerboard: Dataset) -> Dataset:
    return with_passed_over(checkerboard)


@pytest.fixture
def checkerboard() -> Dataset:
    return board()


@pytest.fixture
def make_checkerboard() -> Callable[..., Dataset]:
    return board


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(f"file://{tmp_path}/models")
