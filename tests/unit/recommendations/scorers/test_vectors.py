from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.recommendations.scorers.vectors import BLOCK, Copied, Mapped


def both(numbers: list[int], seed: int) -> tuple[Copied, Mapped, np.random.Generator]:
    """The same few dimensions twice, for a model of these items."""
    chance = np.random.default_rng(seed)
    factors = chance.normal(size=(len(numbers), 3)).astype(np.float32)
    biases = chance.normal(size=len(numbers)).astype(np.float32)
    whiten = np.tril(chance.normal(size=(3, 3))).astype(np.float32)
    mapped = Mapped(np.array(numbers, np.int32), factors, biases, whiten)
    copied = Copied(3)
    size = max(numbers, default=-1) + 1
    for vectors in (copied, mapped):
        vectors.grow(size)
        known = np.hstack([factors @ whiten.T, biases[:, None]])
        vectors.put(np.array(numbers, np.int32), known, np.arange(len(numbers)))
    return copied, mapped, chance


@given(
    known=st.lists(st.integers(0, 60), unique=True, max_size=40).map(sorted),
    added=st.lists(st.lists(st.integers(0, 90), unique=True, max_size=20), max_size=4),
    seed=st.integers(0, 1_000),
)
def test_mapped_vectors_are_what_copied_ones_are(
    known: list[int], added: list[list[int]], seed: int
) -> None:
    copied, mapped, chance = both(known, seed)
    for numbers in added:
        new = np.array([number for number in numbers if number not in known], np.int64)
        drawn = chance.normal(size=(len(new), 4)).astype(np.float32)
        for vectors in (copied, mapped):
            vectors.grow(91)
            vectors.put(new, drawn, None)
    size = 91 if added else max(known, default=-1) + 1
    asked = chance.integers(0, max(size, 1), (2, 5)) if size else np.zeros((2, 0), np.int64)
    assert np.allclose(copied.at(asked), mapped.at(asked), atol=1e-5)
    tastes = chance.normal(size=(3, 4)).astype(np.float32)
    products = copied.product(tastes, size)
    assert np.allclose(products, mapped.product(tastes, size), atol=1e-4)
    assert np.allclose(products[1, asked[0]], mapped.dots(tastes[1], asked[0]), atol=1e-4)
    some = size // 2
    assert np.allclose(products[:, :some], mapped.product(tastes, some), atol=1e-4)


def test_mapped_vectors_of_more_items_than_are_multiplied_at_once() -> None:
    gap = [number for number in range(2 * BLOCK + 10) if number != BLOCK + 3]
    copied, mapped, chance = both(gap, 0)
    tastes = chance.normal(size=(2, 4)).astype(np.float32)
    size = gap[-1] + 1
    assert np.allclose(copied.product(tastes, size), mapped.product(tastes, size), atol=1e-4)
    assert mapped.product(tastes, size)[0, BLOCK + 3] == 0


def test_what_has_a_place_is_known_by_its_number() -> None:
    _, mapped, _ = both([1, 4], 0)
    mapped.grow(9)
    mapped.put(np.array([7]), np.ones((1, 4), np.float32), None)
    assert mapped.placed.tolist() == [1, 4, 7]
