from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.recommendations import pairs
from services.recommendations.pairs import LATEST, NEIGHBOURS, WEAKEST, Pairs
from services.recommendations.scoring import NOTHING, History

numbered = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=30)


def ints(*values: int) -> NDArray[np.int32]:
    return np.array(values, np.int32)


def liked(*items: int) -> History:
    return History(ints(*items), np.ones(len(items), np.float32))


def counted(found: Pairs, likes: float = 1.0) -> dict[tuple[int, int], float]:
    """Return strengths by item and partner, which tell the counts apart."""
    sizes = np.full(10, likes, np.float32)
    return {
        (item, number): strength
        for item in range(10)
        for number, strength in zip(
            *(part.tolist() for part in found.neighbours(liked(item), sizes)), strict=True
        )
    }


@given(numbered, numbered)
def test_counting_in_parts_is_counting_at_once(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    parts, whole = Pairs(), Pairs()
    for group in (first, second):
        parts.add(ints(*(a for a, _ in group)), ints(*(b for _, b in group)))
    both = [*first, *second]
    whole.add(ints(*(a for a, _ in both)), ints(*(b for _, b in both)))
    assert counted(parts, 3) == counted(whole, 3)


def test_what_is_liked_together_more_often_is_nearer() -> None:
    found = Pairs()
    found.add(ints(0, 0, 0, 1), ints(5, 5, 6, 6))
    numbers, strengths = found.neighbours(liked(0), np.full(10, 3, np.float32))
    assert numbers.tolist() == [5, 6]
    assert strengths.tolist() == pytest.approx([2 / 3 * 2 / 4, 1 / 3 * 1 / 3])


def test_what_everybody_likes_is_nobodys_neighbour() -> None:
    found = Pairs()
    found.add(ints(0, 0), ints(5, 6))
    likes = np.array([2, 0, 0, 0, 0, 2, 200], np.float32)
    numbers, strengths = found.neighbours(liked(0), likes)
    assert numbers.tolist() == [5]
    assert strengths[0] > WEAKEST


def test_several_liked_items_add_up_and_disliked_ones_do_not_count() -> None:
    found = Pairs()
    found.add(ints(0, 1, 2), ints(5, 5, 6))
    weights = np.array([1, 1, -1], np.float32)
    numbers, _ = found.neighbours(History(ints(0, 1, 2), weights), np.ones(10, np.float32))
    assert numbers.tolist() == [5]
    one, both = (
        found.neighbours(liked(*items), np.full(10, 2, np.float32))[1][0] for items in ([0], [0, 1])
    )
    assert both == pytest.approx(2 * one)


def test_pairs_of_what_the_model_knows_are_not_kept() -> None:
    found = Pairs()
    found.judge(np.log1p(np.array([100, 100, 4, 100], np.float32)))
    found.add(ints(0, 0, 1), ints(1, 2, 9))
    assert set(counted(found)) == {(0, 2), (1, 9)}


def test_a_new_model_takes_over_what_it_knows() -> None:
    found = Pairs()
    found.add(ints(0, 0, 0, 0), ints(1, 1, 9, 9))
    found.judge(np.log1p(np.array([100, 100], np.float32)))
    assert set(counted(found)) == {(0, 9)}


def test_a_pair_that_is_not_seen_again_is_forgotten_with_the_second_model() -> None:
    found = Pairs()
    found.add(ints(0), ints(9))
    for left in (1, 0):
        found.judge(np.full(1, 9, np.float32))
        assert len(found) == left


def test_the_table_is_bounded_and_the_rarer_pairs_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "MAX_PAIRS", 10)
    found = Pairs()
    found.add(ints(*[0] * 5), ints(*[1] * 5))
    found.add(np.arange(2, 20, dtype=np.int32), np.arange(22, 40, dtype=np.int32))
    assert len(found) == 5
    assert {(0, 1), (1, 0)} <= set(counted(found))


def test_nothing_is_near_to_nothing() -> None:
    found = Pairs()
    assert [len(part) for part in found.neighbours(liked(1), np.ones(2, np.float32))] == [0, 0]
    found.add(ints(0), ints(1))
    for history in (NOTHING, liked(5)):
        assert [len(part) for part in found.neighbours(history, np.ones(2, np.float32))] == [0, 0]


@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), max_size=300),
    st.lists(st.integers(0, 90), max_size=30),
)
def test_strengths_are_in_order_and_bounded(
    together: list[tuple[int, int]], history: list[int]
) -> None:
    found = Pairs()
    found.add(ints(*(a for a, _ in together)), ints(*(b for _, b in together)))
    numbers, strengths = found.neighbours(liked(*history), np.zeros(91, np.float32))
    assert len(numbers) == len(set(numbers.tolist())) <= NEIGHBOURS
    assert strengths.tolist() == sorted(strengths.tolist(), reverse=True)
    assert ((strengths >= WEAKEST) & (strengths <= 1)).all()
    partners = {b for a, b in together if a in history[-LATEST:]}
    partners |= {a for a, b in together if b in history[-LATEST:]}
    assert set(numbers.tolist()) <= partners
