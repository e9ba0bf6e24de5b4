from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from services.recommendations.catalogue import Item
from services.recommendations.datasets import Dataset, NotEnoughData, from_columns
from services.recommendations.protocols import NEGATIVES, SPLITS, make_task
from services.recommendations.scoring import Floats, History


class Scores:
    """Gives everybody the same scores."""

    def __init__(self, scores: Sequence[float]) -> None:
        self.popularity = np.array(scores, np.float32)

    def place(self, items: Sequence[Item], size: int) -> None: ...

    def score(self, histories: Sequence[History]) -> Floats:
        return np.tile(self.popularity, (len(histories), 1))

    def pairwise(self, numbers: Sequence[int]) -> Floats:
        return np.eye(len(numbers), dtype=np.float32)


def told(*rows: tuple[str, int, float, float], items: int = 200) -> Dataset:
    columns = [list(column) for column in zip(*rows, strict=True)]
    return Dataset(from_columns(*columns), [Item(n, str(n)) for n in range(items)])


ROWS = [
    *(("a", item, weight, item) for item, weight in [(0, 1.0), (1, -1.0), (2, 1.0), (3, -0.5)]),
    *(("b", item, 1.0, item) for item in (2, 5, 9)),
    ("c", 4, 1.0, 0),
]


def held_out(dataset: Dataset, **options: str) -> list[tuple[str, int]]:
    later = make_task(dataset, "leave-last-out", **options).parts.holdout
    return [(later.user_ids[u], n) for u, n in zip(later.users, later.items, strict=True)]


def test_the_last_liked_one_is_left_out_and_what_came_later_is_forgotten() -> None:
    assert held_out(told(*ROWS)) == [("a", 2), ("b", 9)]
    known = make_task(told(*ROWS), "leave-last-out").parts.train
    assert known.history(0).items.tolist() == [0, 1]


def test_where_every_reaction_is_relevant_the_last_one_is_left_out() -> None:
    assert held_out(told(*ROWS), relevant="rated") == [("a", 3), ("b", 9)]


def test_every_reaction_is_then_a_positive_one_in_the_history_too() -> None:
    task = make_task(told(*ROWS), "leave-last-out", relevant="rated")
    assert set(task.parts.train.weights) == {1.0}


def test_whoever_has_one_reaction_is_learned_from_and_not_judged_by() -> None:
    task = make_task(told(*ROWS), "leave-last-out")
    assert task.users.tolist() == [0, 1]
    assert task.parts.train.history(2).items.tolist() == [4]


def test_ncf_ranks_what_was_left_out_among_99_that_nobody_named() -> None:
    task = make_task(told(*ROWS), "ncf")
    assert task.among is not None
    assert task.among.shape == (2, NEGATIVES + 1)
    for user, row in zip(task.users.tolist(), task.among, strict=True):
        found = set(task.parts.holdout.history(user).items.tolist())
        before = set(task.parts.train.history(user).items.tolist())
        assert len(set(row.tolist())) == NEGATIVES + 1
        assert found < set(row.tolist())
        assert not before & set(row.tolist())


def test_ncf_draws_the_same_for_the_same_seed() -> None:
    one, same, other = (make_task(told(*ROWS), "ncf", seed=seed).among for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_ncf_gives_the_hit_rate_and_the_ndcg_of_the_one_rank() -> None:
    # b's item 199 is above everything; a's item 150 is below about a quarter of what was drawn.
    rows = [("a", 0, 1.0, 0), ("a", 150, 1.0, 1), ("b", 1, 1.0, 0), ("b", 199, 1.0, 1)]
    found = make_task(told(*rows), "ncf").judge(Scores(range(200))).measures
    assert found.recall == 0.5
    assert found.ndcg == 0.5


def test_scoring_all_alike_finds_a_tenth_by_chance_and_not_by_the_order_of_numbers() -> None:
    rows = [(f"u{n:03}", item, 1.0, item) for n in range(300) for item in (n % 2, 2 + n % 9)]
    found = make_task(told(*rows), "ncf").judge(Scores([0.0] * 200)).measures
    assert found.recall == pytest.approx(0.1, abs=0.06)


def test_ncf_says_when_the_catalogue_is_too_small() -> None:
    with pytest.raises(NotEnoughData, match="99 items"):
        make_task(told(*ROWS, items=60), "ncf")


@pytest.mark.parametrize("protocol", SPLITS)
def test_nobody_to_judge_by_is_a_sentence(protocol: str) -> None:
    with pytest.raises(NotEnoughData, match=protocol):
        make_task(told(("a", 0, 1.0, 0), ("b", 1, 1.0, 0)), protocol)


def test_the_sentence_says_what_was_held_out_and_what_is_to_be_found() -> None:
    sentence = make_task(told(*ROWS), "ncf", relevant="rated").sentence
    assert "the last positive reaction of each user" in sentence
    assert "every reaction, among 99 sampled others" in sentence


def test_a_task_keeps_the_whole_catalogue(make_checkerboard: Callable[..., Dataset]) -> None:
    board = make_checkerboard()
    task = make_task(board, "time-each")
    assert task.dataset.size == board.size
    assert len(task.parts.train) + len(task.parts.holdout) == len(board.interactions)
