"""Exploration on catalogues whose like rates are known."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.recommendations.exploration import (
    NEWEST,
    SLICE,
    SLICE_DRAWS,
    Explorers,
    draw_weighted,
    inclusion,
)
from services.recommendations.online import Online

NOT_REFRESHED, REFRESHED = False, True


def explorers(size: int, online: Online | None = None, *, ready: bool = REFRESHED) -> Explorers:
    made = Explorers(online or Online(), seed=0)
    made.choose(np.random.default_rng(0), everything(size), 1)  # draws are for those in use
    if ready:
        asyncio.run(made.refresh(everything(size)))
    return made


def known(shows: list[int], likes: list[int]) -> Online:
    online = Online()
    numbers = np.repeat(np.arange(len(shows), dtype=np.int32), shows)
    online.recall([numbers.tobytes()], dict(enumerate(likes)))
    return online


def everything(size: int) -> NDArray[np.bool_]:
    return np.ones(size, bool)


@pytest.mark.parametrize("ready", [NOT_REFRESHED, REFRESHED])
@given(
    mask=st.lists(st.booleans(), max_size=60), count=st.integers(-1, 80), seed=st.integers(0, 99)
)
@settings(max_examples=60)
def test_as_many_distinct_unseen_items_as_wanted_or_there_are(
    *, ready: bool, mask: list[bool], count: int, seed: int
) -> None:
    unseen = np.array(mask, bool)
    chosen = explorers(70, ready=ready).choose(np.random.default_rng(seed), unseen, count)
    numbers = [number for number, _ in chosen]
    assert len(numbers) == len(set(numbers)) == min(max(count, 0), sum(mask))
    assert all(mask[number] for number in numbers)
    assert all(0 < propensity <= 1 for _, propensity in chosen)


@pytest.mark.parametrize(("size", "ready"), [(40, NOT_REFRESHED), (40, REFRESHED), (900, False)])
def test_propensities_are_the_shares_with_which_items_are_chosen(*, size: int, ready: bool) -> None:
    """What is shown with probability p and counted 1 / p counts each item once, on average."""
    generator = np.random.default_rng(0)
    made = explorers(size, known([20] * 20, list(range(20))), ready=ready)
    times, weighed = np.zeros(size), np.zeros(size)
    lists = 1_500
    for _ in range(lists):
        for number, propensity in made.choose(generator, everything(size), 4):
            times[number] += 1 / lists
            weighed[number] += propensity / lists
    assert times.sum() == pytest.approx(4)
    often = times > 0.1
    given_when_chosen = weighed[often] / times[often]
    # The list that chooses is among those that are counted where it draws for itself.
    assert given_when_chosen == pytest.approx(times[often], abs=0.05 + 1 / SLICE_DRAWS)


def test_the_whole_catalogue_is_tried() -> None:
    generator, online, size = np.random.default_rng(0), Online(), 500
    made = explorers(size, online)
    for _ in range(150):
        chosen = [n for _ in range(20) for n, _ in made.choose(generator, everything(size), 1)]
        online.recall([np.array(chosen, np.int32).tobytes()], {})
        asyncio.run(made.refresh(everything(size)))
    assert np.mean(online.shows[:size] > 0) > 0.95


def test_better_items_are_chosen_more_often() -> None:
    made = explorers(30, known([200] * 30, [10 * (n // 3) for n in range(30)]))
    generator = np.random.default_rng(0)
    chosen = [n for _ in range(500) for n, _ in made.choose(generator, everything(30), 3)]
    shares = np.bincount(chosen, minlength=30) / len(chosen)
    assert shares[27:].sum() > 0.6
    assert shares[:15].sum() == 0


def test_the_unknown_is_tried_beside_the_good_and_before_the_bad() -> None:
    shows, likes = [100] * 100 + [0] * 10, [40] * 50 + [5] * 50 + [0] * 10
    made, generator = explorers(110, known(shows, likes)), np.random.default_rng(0)
    chosen = [n for _ in range(500) for n, _ in made.choose(generator, everything(110), 2)]
    good, bad, new = (np.isin(chosen, part).mean() for part in _parts(50, 100, 110))
    assert new > 0.3
    assert good > 0.1
    assert bad < 0.01


def _parts(*ends: int) -> list[NDArray[np.intp]]:
    return [np.arange(start, end) for start, end in zip((0, *ends), ends, strict=False)]


def test_what_was_tried_and_not_liked_is_left_alone_after_the_next_refresh() -> None:
    online = Online()
    made, generator = explorers(40, online), np.random.default_rng(0)
    shown = np.repeat(np.arange(20, dtype=np.int32), 50)
    online.recall([shown.tobytes()], dict.fromkeys(range(10, 20), 20))
    made.choose(generator, everything(40), 1)
    asyncio.run(made.refresh(everything(40)))
    chosen = [n for _ in range(300) for n, _ in made.choose(generator, everything(40), 2)]
    assert np.mean(np.array(chosen) < 10) < 0.01


def test_a_new_item_may_be_in_the_very_next_list() -> None:
    made, generator = explorers(1_000, known([50] * 1_000, [5] * 1_000)), np.random.default_rng(0)
    made.add(np.array([1_000], np.int32))
    chosen = [n for _ in range(50) for n, _ in made.choose(generator, everything(1_001), 3)]
    assert 1_000 in chosen


def test_very_many_new_items_are_taken_up_by_the_next_rows() -> None:
    made = explorers(100, known([50] * 100, [5] * 100))
    made.add(np.arange(100, 100 + 3 * NEWEST, dtype=np.int32))
    made.choose(np.random.default_rng(0), everything(100), 1)
    made._not_before = 0.0  # the background's share of a core is not what is tested
    asyncio.run(made.refresh(everything(100 + 3 * NEWEST)))
    generator, unseen = np.random.default_rng(0), everything(100 + 3 * NEWEST)
    unseen[-NEWEST:] = False
    chosen = {n for _ in range(300) for n, _ in made.choose(generator, unseen, 5)}
    assert len([n for n in chosen if n >= 100]) > NEWEST


def test_a_filter_that_matches_few_among_many_gets_the_best_of_these() -> None:
    size = 40 * SLICE
    shows, likes = [100] * size, [10] * size
    likes[17], likes[size - 1] = 90, 80
    made, unseen = explorers(size, known(shows, likes)), np.zeros(size, bool)
    unseen[[17, 18, 19, 20, size - 2, size - 1]] = True
    chosen = made.choose(np.random.default_rng(0), unseen, 2)
    assert {number for number, _ in chosen} == {17, size - 1}
    assert [propensity for _, propensity in chosen] == [1.0, 1.0]


def test_an_item_that_is_added_while_draws_are_made_is_in_them() -> None:
    made, generator = explorers(1_000, known([50] * 1_000, [5] * 1_000)), np.random.default_rng(0)
    made.choose(generator, everything(1_000), 1)

    async def add_meanwhile() -> None:
        refreshed = asyncio.create_task(made.refresh(everything(1_000)))
        await asyncio.sleep(0)
        made.add(np.array([1_000], np.int32))
        await refreshed

    made._not_before = 0.0
    asyncio.run(add_meanwhile())
    chosen = [n for _ in range(50) for n, _ in made.choose(generator, everything(1_001), 3)]
    assert 1_000 in chosen


def test_draws_that_nobody_uses_are_not_made_anew() -> None:
    online = Online()
    made = explorers(50, online)
    online.recall([np.arange(50, dtype=np.int32).tobytes()], {})
    asyncio.run(made.refresh(everything(50)))
    assert len(online.touched()) == 50


def test_an_empty_catalogue_has_nothing_to_explore() -> None:
    made = explorers(0)
    assert made.choose(np.random.default_rng(0), everything(0), 3) == []
    asyncio.run(made.refresh(np.zeros(5, bool)))
    assert made.choose(np.random.default_rng(0), np.zeros(5, bool), 3) == []


def popular_shares(online: Online, counts: list[float], count: int) -> NDArray[np.float64]:
    made, generator = explorers(len(counts), online), np.random.default_rng(0)
    pool, weights = np.arange(len(counts), dtype=np.int32), np.array(counts, np.float32)
    drawn = [
        number
        for _ in range(1_000)
        for number, _ in made.choose_popular(generator, pool, weights, count)
    ]
    return np.bincount(drawn, minlength=len(counts)) / 1_000


def test_odds_make_a_draw_as_many_times_as_likely_and_never_overflow() -> None:
    made, generator = explorers(3, Online()), np.random.default_rng(0)
    pool, counts = np.arange(3, dtype=np.int32), np.array([100.0, 100.0, 1e9], np.float32)
    odds = np.exp([1.0, 0.0, -200.0])
    first = [made.choose_popular(generator, pool, counts, 1, odds)[0][0] for _ in range(2_000)]
    assert first.count(0) / first.count(1) == pytest.approx(np.e, rel=0.2)
    chosen = made.choose_popular(generator, pool, counts, 2, np.exp([20.0, 20.0, 0.0]))
    assert all(0 < propensity <= 1 for _, propensity in chosen)


def test_a_cold_list_has_what_many_like_when_nothing_was_shown() -> None:
    shares = popular_shares(Online(), [10.0] * 10 + [13.0] * 10, 1)
    assert shares.sum() == pytest.approx(1)
    assert shares[10:].sum() == pytest.approx((23 / 20) ** 4 * shares[:10].sum(), rel=0.25)


def test_a_cold_list_has_what_is_liked_when_it_is_shown() -> None:
    shares = popular_shares(known([100] * 20, [60] * 5 + [20] * 15), [10.0] * 20, 5)
    assert shares[:5].min() > 2 * shares[5:].max()


def test_cold_lists_differ_however_much_is_known() -> None:
    shares = popular_shares(known([1_000] * 50, [300 + 2 * n for n in range(50)]), [10.0] * 50, 7)
    assert shares.max() < 0.35


@given(st.integers(0, 30), st.integers(-1, 40), st.integers(0, 2**32))
def test_a_weighted_draw_has_distinct_items_of_the_pool(size: int, count: int, seed: int) -> None:
    pool = np.arange(100, 100 + size, dtype=np.int32)
    weights = np.arange(1, size + 1, dtype=np.float32)
    drawn = draw_weighted(np.random.default_rng(seed), pool, weights, count)
    numbers = {number for number, _ in drawn}
    assert len(drawn) == len(numbers) == min(size, max(count, 0))
    assert numbers <= set(pool.tolist())
    assert all(0 < propensity <= 1 for _, propensity in drawn)


@given(
    st.lists(st.floats(1, 1e4, width=32), min_size=2, max_size=300),
    st.floats(0.01, 0.99),
)
def test_inclusion_probabilities_add_up_to_what_is_drawn(
    weights: list[float], share: float
) -> None:
    count = max(1, int(share * len(weights)))
    shares = inclusion(np.array(weights, np.float32), count)
    assert shares.sum() == pytest.approx(count, rel=0.001)
    assert ((shares > 0) & (shares <= 1)).all()


@pytest.mark.parametrize(("size", "count"), [(12, 10), (200, 7)])
def test_inclusion_probabilities_are_those_of_the_draw(size: int, count: int) -> None:
    generator = np.random.default_rng(0)
    pool, weights = np.arange(size, dtype=np.int32), 100 / np.arange(1, size + 1, dtype=np.float32)
    drawn = [n for _ in range(5_000) for n, _ in draw_weighted(generator, pool, weights, count)]
    shares = np.bincount(drawn, minlength=size) / 5_000
    # Five standard deviations, and what the approximation is off by.
    assert np.abs(shares - inclusion(weights, count)).max() < 0.035 + 0.02


def test_the_first_of_a_weighted_draw_is_drawn_in_proportion_to_its_weight() -> None:
    """Plackett-Luce: the first of the sample is item i with probability w_i / Σ w."""
    generator, pool = np.random.default_rng(0), np.arange(3, dtype=np.int32)
    weights = np.array([1, 3, 6], np.float32)
    first = [draw_weighted(generator, pool, weights, 2)[0][0] for _ in range(5_000)]
    shares = np.bincount(first, minlength=3) / 5_000
    assert np.abs(shares - [0.1, 0.3, 0.6]).max() < 0.035  # five standard deviations
