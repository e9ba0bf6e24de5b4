"""Showing what nobody can judge yet: slots in lists by Thompson sampling, popular lists for new users.

An item is drawn from what is known of its like rate (`thompson.posterior`), and the best drawn is shown:
so the unknown is tried, and tried again only while it may be good. Drawing one for every item takes a
millisecond for 10,000 items, so it is done ahead, in a thread: `draws.ROWS` draws of the catalogue. A
list takes one of them at random, and its best items that this user may see.
"""

from __future__ import annotations

import asyncio
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from services.recommendations.draws import ROWS, Draws, Taste, best
from services.recommendations.online import Online
from services.recommendations.scoring import Floats, Ints
from services.recommendations.thompson import draw, like_rate, posterior

Chosen = list[tuple[int, float]]  # numbers, each with the probability with which it was chosen

POOL = 100  # most popular items among which a cold list draws: wide enough for lists that differ
# The powers of the count and of the like rate in a cold list. Simulated, after 120 days: .366 of it is liked
# and two lists have 35 % of their items in common; with a power of 2 for both .343 and 13 %; the ten most
# liked items, the same for everybody, .394. The rate alone, without the count, is worse (.32): what was
# shown to those who like such things looks better than it is to others.
LIKED = 4.0
FEW_LIKES = 10.0  # added to each count: of small ones, chance decides which is larger
LIKE_RATE = 4.0
SHARE = 0.03  # of a core, for drawing the whole catalogue of each workspace in use
AT_ONCE = 0.03  # seconds of drawing in one refresh, but one row at least
TOUCHED = 1_000  # items drawn anew in one refresh because they were shown or liked: 5 to 10 ms
NEWEST = 128  # items that `add` takes at once: 1 ms of the event loop
SHORTEST = 1e-6  # seconds that a row takes at least
NEWTON_STEPS, CLOSE = 20, 1e-4  # three or four steps for a list; more where nearly all are drawn
SLICE = 256  # items among which a list draws for itself where the draws have nothing: half a millisecond
SLICE_DRAWS = 32  # of these one is used; an item's propensity is the share of them that choose it


class Explorers:
    """The draws of one workspace, in one epoch of its catalogue."""

    def __init__(self, online: Online, *, seed: int | None = None) -> None:
        self._online = online
        self._draws: Draws | None = None
        self._generator = np.random.default_rng(seed)  # the thread's own
        self._rate = like_rate(online.likes, online.shows)
        self._used = False  # since the last refresh: draws that nobody uses stay as they are
        self._added: list[Ints] | None = None  # while a refresh is under way
        self._row_seconds = SHORTEST
        self._not_before = 0.0
        self._next = 0

    def choose(
        self,
        generator: np.random.Generator,
        unseen: NDArray[np.bool_],
        count: int,
        *,
        taste: Taste | None = None,
    ) -> Chosen:
        """Return `count` distinct unseen numbers, or all there are, with their propensities in (0, 1].

        With `taste` those that this user may like among the best that were drawn.

        Some 40 µs. Exact given the draws; where these are used up (hardly anything is allowed, or
        this user has seen it all) the list draws for itself among `SLICE` of what is left.
        """
        self._used = True
        if count <= 0 or not len(unseen):
            return []
        if self._draws is not None:
            found = self._draws.choose(generator, unseen, count, taste=taste)
            if found is not None:
                return found
        return self._choose_among(generator, np.flatnonzero(unseen), count)

    def _choose_among(
        self, generator: np.random.Generator, left: NDArray[np.intp], count: int
    ) -> Chosen:
        if len(left) <= count:
            return [(number, 1.0) for number in left.tolist()]
        size = max(SLICE, 2 * count)
        looked_at = min(1.0, size / len(left))
        if len(left) > size:
            left = generator.choice(left, size, replace=False, shuffle=False)
        values = draw(generator, *self._posterior(left), rows=SLICE_DRAWS)
        chosen = np.argpartition(-values, count - 1, axis=1)[:, :count]
        shares = (chosen.reshape(-1, 1) == chosen[0]).sum(axis=0) / SLICE_DRAWS
        return list(zip(left[chosen[0]].tolist(), (looked_at * shares).tolist(), strict=True))

    def choose_popular(
        self,
        generator: np.random.Generator,
        pool: Ints,
        counts: Floats,
        count: int,
        odds: NDArray[np.float64] | None = None,
    ) -> Chosen:
        """Return up to `count` numbers of a pool of popular items for a list without a history.

        Drawn without repetition, in proportion to powers of how many like an item (`counts`, by place
        in the pool) and of its like rate when shown (posterior mean and a standard deviation, so that
        what was hardly shown is hoped to be good), times its `odds`. Some 70 µs for `POOL` items.
        """
        alpha, beta = self._posterior(pool)
        mean = alpha / (alpha + beta)
        hoped = mean + np.sqrt(mean * (1 - mean) / (alpha + beta + 1))
        liked = (counts.astype(np.float64) + FEW_LIKES) ** LIKED
        weights = liked * (hoped / self._rate) ** LIKE_RATE
        return draw_weighted(generator, pool, weights if odds is None else weights * odds, count)

    def add(self, numbers: Ints) -> None:
        """Draw items that are new in the catalogue at once, so that the very next list may have them."""
        numbers = numbers[-NEWEST:].astype(np.int32)
        self._put(numbers)
        if self._added is not None:
            self._added.append(numbers)

    def _put(self, numbers: Ints) -> None:
        if self._draws is not None and len(numbers):
            values = draw(self._generator, *self._posterior(numbers), rows=ROWS)
            self._draws = self._draws.with_items(numbers, values)

    async def refresh(self, eligible: NDArray[np.bool_]) -> None:
        """Draw anew what was shown or liked since, and some whole rows: call it twice a second, in one task.

        Rows are drawn for `SHARE` of a core: all 64 of them take 2 s at 10,000 items, 20 s at 100,000
        and 5 min at a million. What was shown or liked is drawn anew at the next call. Until the first
        call after the first use there are no draws, and each list draws for itself.
        """
        if not self._used or not eligible.any():
            return
        self._used, self._added = False, []
        try:
            self._draws = await asyncio.to_thread(
                self._renewed, eligible.copy(), self._draws, self._online.touched()
            )
            for numbers in self._added:
                self._put(numbers)
        finally:
            self._added = None

    def _renewed(self, eligible: NDArray[np.bool_], draws: Draws | None, touched: Ints) -> Draws:
        self._rate = like_rate(self._online.likes, self._online.shows)
        if draws is None:
            return self._rows(eligible, ROWS)
        touched = _most_often(touched[touched < len(eligible)])
        touched = touched[eligible[touched]]
        if len(touched):
            values = draw(self._generator, *self._posterior(touched), rows=ROWS)
            draws = draws.with_items(touched, values)
        now = monotonic()
        if now < self._not_before:
            return draws
        fresh = self._rows(eligible, min(max(int(AT_ONCE / self._row_seconds), 1), ROWS))
        self._not_before = now + (monotonic() - now) / SHARE
        rows = (self._next + np.arange(len(fresh.numbers))) % ROWS
        self._next = int(rows[-1] + 1) % ROWS
        return draws.with_rows(rows, fresh)

    def _rows(self, eligible: NDArray[np.bool_], count: int) -> Draws:
        """Return whole rows, drawn one by one: a row of a million items takes 20 MB meanwhile."""
        began = monotonic()
        numbers = np.flatnonzero(eligible).astype(np.int32)
        alpha, beta = self._posterior(numbers)
        drawn = [
            best(numbers[None, :], draw(self._generator, alpha, beta, rows=1)) for _ in range(count)
        ]
        self._row_seconds = max((monotonic() - began) / count, SHORTEST)
        return Draws(
            np.vstack([row.numbers for row in drawn]), np.vstack([row.values for row in drawn])
        )

    def _posterior(self, numbers: Ints | NDArray[np.intp]) -> tuple[Floats, Floats]:
        online = self._online
        return posterior(_at(online.likes, numbers), _at(online.shows, numbers), self._rate)


def _most_often(numbers: Ints) -> Ints:
    """Return the distinct numbers, but only the `TOUCHED` most frequent: the others' rows get their turn."""
    distinct, counts = np.unique(numbers, return_counts=True)
    if len(distinct) <= TOUCHED:
        return distinct
    return distinct[np.argpartition(-counts, TOUCHED)[:TOUCHED]]


def _at(counts: Floats, numbers: Ints | NDArray[np.intp]) -> Floats:
    """Return the counts of these numbers, 0 beyond the end."""
    found = np.zeros(len(numbers), np.float32)
    inside = numbers < len(counts)
    found[inside] = counts[numbers[inside]]
    return found


def draw_weighted(
    generator: np.random.Generator, pool: Ints, weights: NDArray[np.float64], count: int
) -> Chosen:
    """Return up to `count` numbers of the pool, drawn without repetition in proportion to `weights`.

    Gumbel-max trick (Plackett-Luce sampling): the largest log(weight) + Gumbel noise. Propensities
    are those of `inclusion`.
    """
    count = min(count, len(pool))
    if count <= 0:
        return []
    keys = np.log(weights) + generator.gumbel(size=len(pool))
    drawn = np.argsort(-keys)[:count]
    shares = inclusion(weights, count)[drawn]
    return list(zip(pool[drawn].tolist(), shares.tolist(), strict=True))


def inclusion(weights: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the probability of each to be among the first `count` of a Plackett-Luce draw.

    The draw is a race of exponential clocks: who rings before t, Σ_i (1 - exp(-w_i t)) = `count`, is
    in (Rosén, Sampling Theory 1997). Off by at most 0.02 from 10 items on; the sum is exact.
    """
    if count >= len(weights):
        return np.ones(len(weights))
    shares = weights / weights.sum()
    time = float(count)
    for _ in range(NEWTON_STEPS):  # from the left, where each step stays left: the sum is concave
        late = np.exp(-shares * time)
        step = (count - len(shares) + late.sum()) / (shares @ late)
        time += step
        if step < CLOSE * time:
            break
    included: NDArray[np.float64] = 1.0 - np.exp(-shares * time)
    return included
