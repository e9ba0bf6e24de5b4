"""Thirty tastes of a hundred items each; what is read is a tenth, and must hold the best."""

from __future__ import annotations

import numpy as np
import pytest

from services.recommendations.scorers import index
from services.recommendations.scorers.index import Index, build
from services.recommendations.scorers.interface import Floats
from services.recommendations.scorers.vectors import Mapped

TASTES, EACH, WIDTH = 30, 100, 32


@pytest.fixture(autouse=True)
def _little_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "READ", 300)


def items(spread: float, biases: float) -> Floats:
    """Item i points along the axis i // 100; its last value is its bias."""
    chance = np.random.default_rng(0)
    vectors = spread * chance.standard_normal((TASTES * EACH, WIDTH + 1), np.float32)
    vectors[np.arange(len(vectors)), np.arange(len(vectors)) // EACH] += 1
    vectors[:, -1] = biases * chance.standard_normal(len(vectors), np.float32)
    return vectors


def made(vectors: Floats) -> Index:
    count = len(vectors)
    whole = np.eye(WIDTH, dtype=np.float32)
    numbers = np.arange(count, dtype=np.int32)
    mapped = Mapped(numbers, vectors[:, :-1].copy(), vectors[:, -1].copy(), whole)
    mapped.grow(count)
    mapped.put(numbers, vectors, np.arange(count))
    found = build(mapped, scale=1.0)
    assert found is not None
    return found


def liking(axis: int) -> Floats:
    taste = np.zeros(WIDTH + 1, np.float32)
    taste[axis] = taste[-1] = 1
    return taste


@pytest.mark.parametrize(("spread", "biases"), [(0.1, 0.1), (0.2, 0.1), (0.1, 3.0)])
def test_the_best_are_found_whether_the_taste_decides_or_the_bias(
    spread: float, biases: float
) -> None:
    """Where biases decide, lists by direction alone would have the best all over."""
    vectors = items(spread, biases)
    searched = made(vectors)
    for axis in range(TASTES):
        taste = liking(axis)
        highest = np.argsort(-(vectors @ taste))[:10].tolist()
        found = searched.best(taste, 100)
        assert len(found) == 100
        assert (np.diff(found) > 0).all()
        assert set(highest) <= set(found.tolist()), axis


def test_what_is_added_later_is_found_once_however_often_it_moved() -> None:
    vectors = items(0.1, 0.1)
    searched = made(vectors)
    for strength in (1.5, 2):
        searched.add(np.array([5_000]), strength * vectors[7 * EACH][None])
    assert (searched.best(liking(7), 100) == 5_000).sum() == 1
    assert 5_000 not in searched.best(liking(8), 50)


def test_an_item_of_which_nothing_is_known_is_never_nominated() -> None:
    searched = made(items(0.1, 0.1))
    searched.add(np.array([5_000]), np.zeros((1, WIDTH + 1), np.float32))
    assert all(5_000 not in searched.best(-liking(axis), 300) for axis in range(TASTES))


def test_a_handful_of_items_can_be_searched_and_none_makes_no_index() -> None:
    vectors = items(0.1, 0.1)[:3]
    assert made(vectors).best(liking(0), 10).tolist() == [0, 1, 2]
    nobody = np.zeros((0, WIDTH), np.float32)
    empty = Mapped(np.zeros(0, np.int32), nobody, nobody[:, 0], np.eye(WIDTH, dtype=np.float32))
    assert build(empty, scale=1.0) is None
