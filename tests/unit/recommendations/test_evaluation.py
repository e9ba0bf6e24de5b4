from __future__ import annotations

from collections.abc import Sequence
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recommendations.catalogue import Item
from services.recommendations.datasets import Interactions, from_columns
from services.recommendations.evaluation import (
    TOP,
    difference,
    evaluate,
    interval,
    ndcg_of,
    users_to_judge_by,
)
from services.recommendations.scoring import Floats, History


class Fixed:
    """Gives everybody the same scores and remembers which histories it was asked about."""

    def __init__(self, *scores: float) -> None:
        self.popularity = np.array(scores, np.float32)
        self.asked: list[list[int]] = []

    def place(self, items: Sequence[Item], size: int) -> None: ...

    def score(self, histories: Sequence[History]) -> Floats:
        self.asked += [history.items.tolist() for history in histories]
        return np.tile(self.popularity, (len(histories), 1))

    def pairwise(self, numbers: Sequence[int]) -> Floats:
        return np.eye(len(numbers), dtype=np.float32)


class Alike(Fixed):
    """To this model all items are half alike."""

    def pairwise(self, numbers: Sequence[int]) -> Floats:
        return 0.5 * np.ones((len(numbers), len(numbers)), np.float32)


def catalogue(size: int, **changes: dict[str, bool]) -> list[Item]:
    return [Item(n, str(n), **changes.get(f"item{n}", {})) for n in range(size)]


def told(*rows: tuple[str, int, float]) -> Interactions:
    """Codes of users are a = 0, b = 1, c = 2, whoever of them is in the rows."""
    users, items, weights = ([row[column] for row in rows] for column in range(3))
    code = {"a": 0, "b": 1, "c": 2}
    found = from_columns(users, items, weights, [0.0] * len(rows))
    codes = np.array([code[found.user_ids[user]] for user in found.users], np.int32)
    order = np.argsort(codes, kind="stable")
    columns = (found.items[order], found.weights[order], found.times[order])
    return Interactions(codes[order], *columns, ["a", "b", "c"])


def test_the_measures_are_those_of_the_formulas() -> None:
    # The list is 0, 1, 2, …; of a's items 1 and 3 are at ranks 2 and 4, and 15 is not found.
    scorer = Fixed(*range(20, 0, -1))
    found = evaluate(
        scorer, catalogue(20), told(("b", 19, 1)), told(("a", 1, 1), ("a", 3, 1), ("a", 15, 1))
    ).measures
    ideal = 1 + 1 / log2(3) + 1 / log2(4)
    assert found.users == 1
    assert found.ndcg == pytest.approx((1 / log2(3) + 1 / log2(5)) / ideal)
    assert found.recall == pytest.approx(2 / 3)
    assert found.map == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert found.coverage == 10 / 20


def test_a_perfect_list_has_an_ndcg_of_one_also_with_more_than_ten_relevant_items() -> None:
    relevant = told(*(("a", item, 1) for item in range(12)))
    found = evaluate(Fixed(*range(20, 0, -1)), catalogue(20), told(("b", 19, 1)), relevant).measures
    assert found.ndcg == pytest.approx(1)
    assert found.map == pytest.approx(1)
    assert found.recall == pytest.approx(10 / 12)


def test_lists_of_other_lengths_are_judged_by_the_same_formulas() -> None:
    scorer = Fixed(*range(30, 0, -1))
    told_of_a = told(("a", 1, 1), ("a", 3, 1), ("a", 15, 1), ("a", 25, 1))
    found = evaluate(scorer, catalogue(30), told(("b", 29, 1)), told_of_a, k=2).measures
    assert found.ndcg == pytest.approx((1 / log2(3)) / (1 + 1 / log2(3)))
    assert found.recall == pytest.approx(1 / 4)
    assert found.recall_at_20 == pytest.approx(3 / 4)
    assert found.map == pytest.approx((1 / 2) / 2)
    assert found.coverage == pytest.approx(2 / 30)


def test_diversity_is_one_minus_the_mean_likeness_of_two_items() -> None:
    # Of the list a, ab, (nothing): a and ab share one of two genres, the third shares none.
    items = [Item(0, "0", genres=("a",)), Item(1, "1", genres=("a", "b")), Item(2, "2")]
    found = evaluate(Alike(3, 2, 1), items, told(("b", 0, 1)), told(("a", 0, 1))).measures
    assert found.diversity == pytest.approx(1 - (0.5 + 0 + 0) / 3)
    assert found.model_diversity == pytest.approx(0.5)


def test_diversity_is_unknown_without_genres_and_to_a_model_that_finds_nothing_alike() -> None:
    found = evaluate(Fixed(3, 2), catalogue(2), told(("b", 0, 1)), told(("a", 0, 1))).measures
    assert np.isnan(found.diversity)
    assert np.isnan(found.model_diversity)


def test_items_can_be_ranked_among_a_few_of_which_the_first_of_equals_wins() -> None:
    train, holdout = told(("c", 9, 1)), told(("a", 5, 1), ("b", 5, 1))
    among = np.array([[5, 3, 1], [1, 3, 5]])
    alike = evaluate(Fixed(*[0.0] * 10), catalogue(10), train, holdout, among=among)
    assert alike.ndcg.tolist() == pytest.approx([1.0, 1 / log2(4)])
    better = evaluate(
        Fixed(9, 8, 7, 6, 5, 4), catalogue(6), told(("c", 0, 1)), holdout, among=among
    )
    assert better.ndcg.tolist() == pytest.approx([1 / log2(4)] * 2)


def test_the_short_way_to_the_ndcg_gives_the_same() -> None:
    scorer, train, holdout = Fixed(*range(20)), told(("a", 19, 1)), told(("a", 12, 1), ("b", 18, 1))
    whole = evaluate(scorer, catalogue(20), train, holdout)
    short = ndcg_of(scorer, catalogue(20), train, holdout, whole.users)
    assert short == whole.measures.ndcg


def test_the_interval_of_a_mean_holds_it() -> None:
    mean, low, high = interval(np.random.default_rng(1).random(200))
    assert low < mean < high
    assert high - low < 0.1
    assert np.isnan(interval(np.zeros(0))).all()


def test_what_somebody_reacted_to_before_is_not_in_the_list() -> None:
    train = told(("a", 0, 1), ("a", 1, -1))
    found = evaluate(Fixed(3, 2, 1), catalogue(3), train, told(("a", 2, 1)))
    assert found.measures.ndcg == 1


def test_hidden_and_unlisted_items_are_neither_recommended_nor_looked_for() -> None:
    items = catalogue(3, item0={"hidden": True}, item1={"listed": False})
    holdout = told(("a", 0, 1), ("a", 2, 1), ("b", 1, 1))
    found = evaluate(Fixed(3, 2, 1), items, told(("c", 2, 1)), holdout)
    assert found.users.tolist() == [0] == users_to_judge_by(holdout, items).tolist()
    assert found.measures.ndcg == found.measures.recall == found.measures.coverage == 1


def test_a_dislike_is_not_relevant() -> None:
    assert not len(users_to_judge_by(told(("a", 0, -1)), catalogue(1)))


def test_the_scorer_sees_the_training_history_and_nothing_of_the_hold_out() -> None:
    scorer = Fixed(1, 1, 1, 1)
    evaluate(scorer, catalogue(4), told(("a", 0, 1), ("a", 1, -1)), told(("a", 2, 1), ("b", 3, 1)))
    assert scorer.asked[:2] == [[0, 1], []]


def test_people_with_few_reactions_are_a_slice_of_their_own() -> None:
    train = told(*(("a", item, 1.0) for item in range(4)), ("b", 0, 1))
    holdout = told(("a", 8, 1), ("b", 9, 1), ("c", 7, 1))
    scores = [1.0] * 7 + [2.0, 3.0, 4.0] + [0.0] * 10
    found = evaluate(Fixed(*scores), catalogue(20), train, holdout).measures
    assert found.cold_users == 2
    assert found.cold_users_ndcg == pytest.approx((1 + 1 / log2(4)) / 2)


def test_unseen_items_are_ranked_among_themselves() -> None:
    train = told(("b", 0, 1), ("b", 2, -1))
    found = evaluate(Fixed(9, 1, 2), catalogue(3), train, told(("a", 0, 1), ("a", 1, 1))).measures
    assert found.cold_items == 1
    assert found.cold_items_ndcg == pytest.approx(1 / log2(3))


def test_equal_scores_are_ordered_by_item_number() -> None:
    found = evaluate(Fixed(1, 1, 1), catalogue(3), told(("b", 2, 1)), told(("a", 1, 1))).measures
    assert found.ndcg == pytest.approx(1 / log2(3))


def test_nobody_to_judge_by_gives_nan_and_no_error() -> None:
    found = evaluate(Fixed(1, 1), catalogue(2), told(("a", 0, 1)), told(("a", 1, -1))).measures
    assert found.users == 0
    assert np.isnan(found.ndcg)
    assert np.isnan(found.cold_items_ndcg)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 14)), min_size=1, max_size=30))
def test_every_measure_is_between_zero_and_one(pairs: list[tuple[str, int]]) -> None:
    half = len(pairs) // 2
    train = told(*((user, item, 1.0) for user, item in pairs[:half]), ("a", 14, 1))
    holdout = told(*((user, item, 1.0) for user, item in pairs[half:]))
    found = evaluate(Fixed(*range(15)), catalogue(15), train, holdout)
    values = [found.measures.ndcg, found.measures.recall, found.measures.map]
    assert all(0 <= value <= 1 for value in [*values, found.measures.coverage, *found.ndcg])


def test_the_interval_of_a_difference_holds_its_mean_and_is_reproducible() -> None:
    random = np.random.default_rng(0)
    one, other = random.random(300) + 0.1, random.random(300)
    mean, low, high = difference(one, other)
    assert low < mean < high
    assert low > 0
    assert difference(one, other) == (mean, low, high)


def test_a_model_does_not_differ_from_itself() -> None:
    ndcg = np.random.default_rng(0).random(50)
    assert difference(ndcg, ndcg) == (0, 0, 0)


def test_lists_are_as_long_as_those_that_are_served_by_default() -> None:
    assert TOP == 10
