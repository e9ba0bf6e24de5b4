from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from services.recommendations.draws import FEWEST, NOBODY, ROWS, SHALLOW, STORED, Draws, best


def every_row_the_other_way(size: int) -> Draws:
    """Even rows have 0 best, odd rows the last."""
    numbers = np.tile(np.arange(size, dtype=np.int32), (ROWS, 1))
    values = np.tile(np.linspace(1, 0.5, size, dtype=np.float32), (ROWS, 1))
    values[1::2] = values[1::2, ::-1]
    return best(numbers, values)


def everything(size: int) -> NDArray[np.bool_]:
    return np.ones(size, bool)


def test_a_list_gets_the_best_of_one_draw_and_the_share_of_draws_that_agree() -> None:
    draws, generator = every_row_the_other_way(10), np.random.default_rng(0)
    seen = {tuple(draws.choose(generator, everything(10), 2) or []) for _ in range(50)}
    assert seen == {((0, 0.5), (1, 0.5)), ((9, 0.5), (8, 0.5))}


def test_shares_add_up_to_the_slots() -> None:
    generator = np.random.default_rng(0)
    numbers = np.tile(np.arange(300, dtype=np.int32), (ROWS, 1))
    draws = best(numbers, generator.random((ROWS, 300), dtype=np.float32))
    unseen = generator.random(300) < 0.7
    shares: dict[int, float] = {}
    for _ in range(2_000):
        shares |= dict(draws.choose(generator, unseen, 3) or [])
    assert sum(shares.values()) == pytest.approx(3)
    assert all(unseen[number] for number in shares)


def test_what_was_seen_makes_room_for_the_next_best() -> None:
    draws, generator = every_row_the_other_way(100), np.random.default_rng(0)
    unseen = everything(100)
    unseen[:5], unseen[-5:] = False, False
    assert {(draws.choose(generator, unseen, 1) or [])[0] for _ in range(50)} == {
        (5, 0.5),
        (94, 0.5),
    }


def test_somebody_who_saw_the_best_of_all_draws_is_given_what_comes_deeper() -> None:
    draws, generator = every_row_the_other_way(3 * SHALLOW), np.random.default_rng(0)
    unseen = np.zeros(3 * SHALLOW, bool)
    unseen[SHALLOW + 3] = True
    assert draws.choose(generator, unseen, 1) == [(SHALLOW + 3, 1.0)]
    assert draws.choose(generator, unseen, 2) is None


def test_a_mask_that_is_older_than_the_draws_keeps_what_it_does_not_know_out() -> None:
    draws, generator = every_row_the_other_way(50), np.random.default_rng(0)
    for _ in range(20):
        assert all(n < 20 for n, _ in draws.choose(generator, everything(20), 3) or [])


def test_an_item_that_is_drawn_anew_is_there_once_with_its_new_value() -> None:
    draws = every_row_the_other_way(10)
    worst, top = np.full((ROWS, 1), 0.1, np.float32), np.full((ROWS, 1), 2.0, np.float32)
    changed = draws.with_items(np.array([0], np.int32), worst)
    changed = changed.with_items(np.array([4], np.int32), top)
    assert (changed.numbers[:, 0] == 4).all()
    real = changed.values != NOBODY
    assert (real.sum(axis=1) == 10).all()
    for row in range(ROWS):
        assert sorted(changed.numbers[row, real[row]].tolist()) == list(range(10))
        assert changed.numbers[row, real[row]][-1] == 0


def test_an_item_that_is_new_takes_its_place_among_the_others() -> None:
    draws = every_row_the_other_way(STORED)
    added = draws.with_items(np.array([STORED], np.int32), np.full((ROWS, 1), 0.99, np.float32))
    assert added.numbers.shape == (ROWS, STORED)
    assert ((added.numbers == STORED) & (added.values != NOBODY)).any(axis=1).all()


def test_draws_that_cannot_fill_the_slots_are_left_out_until_too_few_are_left() -> None:
    draws = every_row_the_other_way(10)
    gone = draws.values.copy()
    gone[FEWEST:] = NOBODY
    few = Draws(draws.numbers, gone)
    assert few.choose(np.random.default_rng(0), everything(10), 1) is not None
    gone = gone.copy()
    gone[0] = NOBODY
    fewer = Draws(draws.numbers, gone)
    assert fewer.choose(np.random.default_rng(0), everything(10), 1) is None


def test_rows_take_the_place_of_others() -> None:
    draws = every_row_the_other_way(10)
    other = best(draws.numbers[:2, ::-1], np.tile(np.float32(0.3), (2, STORED)))
    changed = draws.with_rows(np.array([5, 7]), other)
    assert (changed.values[[5, 7]] == np.float32(0.3)).all()
    assert (changed.values[[4, 6, 8]] == draws.values[[4, 6, 8]]).all()


def test_with_a_taste_the_most_liked_of_the_best_drawn_is_taken() -> None:
    generator = np.random.default_rng(0)
    numbers = np.arange(1_000, dtype=np.int32)[None, :].repeat(ROWS, axis=0)
    draws = best(numbers, generator.random((ROWS, 1_000)).astype(np.float32))
    taste = -np.arange(1_000, dtype=np.float32)  # the lower the number, the better
    unseen = np.ones(1_000, bool)

    def mean(**options: object) -> float:
        chosen = [draws.choose(generator, unseen, 2, **options) for _ in range(200)]
        return float(np.mean([number for found in chosen for number, _ in found]))

    assert mean(taste=taste) < 50 < mean()


@pytest.mark.parametrize("taste", [np.full(10, np.nan), np.zeros(0), np.full(2_000, np.inf)])
def test_a_taste_that_says_nothing_harms_nothing(taste: np.ndarray) -> None:
    generator = np.random.default_rng(0)
    numbers = np.arange(1_000, dtype=np.int32)[None, :].repeat(ROWS, axis=0)
    draws = best(numbers, generator.random((ROWS, 1_000)).astype(np.float32))
    found = draws.choose(generator, np.ones(1_000, bool), 3, taste=taste.astype(np.float32))
    assert len({number for number, _ in found}) == 3
    assert all(0 < share <= 1 for _, share in found)
