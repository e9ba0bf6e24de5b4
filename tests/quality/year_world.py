"""A seeded world: items that come and go, people whose tastes nobody sees, and the days on which they visit.

An item's factors are one half its genres and one half its own; its appeal is long-tailed. A person's taste is
one half a mixture of a few genres and one half of its own. Whether somebody likes an item depends on taste and
appeal, with noise: P(like) = sigmoid(SHARPNESS · (affinity − THRESHOLD)), where over all pairs the affinity has
mean 0 and variance 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

GENRES = 20
DIMENSIONS = 16  # of tastes: few enough to be learned from, too many for genres alone
GENRE_SHARE = 0.5  # of the variance of factors and tastes that genres explain
APPEAL_SHARE = 0.15  # of the variance of the affinity: what everybody agrees on
MOST_APPEAL = (
    3.0  # standard deviations: without an end to the tail, everybody likes the same few items
)
SHARPNESS, THRESHOLD = 3.0, 2.0  # an item drawn at random is liked by about one person in twenty
DISLIKE_BELOW = -0.5  # affinity at which half of the reactions are dislikes
AT_START = 0.5  # share of the items that are there on the first day; the rest comes day by day
WITHDRAWN = 0.03  # share of the items that leave at some time
LISTS = (2, 3, 4)  # a visit has …
LISTS_ODDS = (0.25, 0.5, 0.25)  # … about three lists

LIKE, SKIP, DISLIKE = 1, 0, -1


@dataclass(frozen=True)
class Visit:
    """One person's visit: so many lists, one after another."""

    user: int
    lists: int


@dataclass(frozen=True)
class World:
    """Rows are items (by arrival) and users (by first visit)."""

    genres: NDArray[np.bool_]  # (items, GENRES)
    factors: Floats  # (items, d)
    appeal: Floats  # (items,)
    tastes: Floats  # (users, d)
    arrives: Ints  # (items,) day
    leaves: Ints  # (items,) day; beyond the year for those that stay
    days: tuple[tuple[Visit, ...], ...]
    seed: int

    @cached_property
    def items(self) -> int:
        """Items that are there at some time."""
        return len(self.appeal)

    @cached_property
    def users(self) -> int:
        """People who visit at some time."""
        return len(self.tastes)

    def listed(self, day: int) -> NDArray[np.bool_]:
        """Return (items,): what can be recommended on this day."""
        return (self.arrives <= day) & (self.leaves > day)

    def affinity(self, user: int) -> Floats:
        """Return (items,): how much the items are to this person's taste, noise aside."""
        return self.factors @ self.tastes[user] + self.appeal

    def likes(self, user: int) -> Floats:
        """Return (items,): the probability that this person likes each item."""
        return _sigmoid(SHARPNESS * (self.affinity(user) - THRESHOLD))

    def reactions(self, user: int, items: Ints) -> Ints:
        """Return LIKE, SKIP or DISLIKE for each item: the same for a pair, whoever showed it and when."""
        affinity = self.factors[items] @ self.tastes[user] + self.appeal[items]
        first, second = _uniform(self.seed, user, items)
        liked = first < _sigmoid(SHARPNESS * (affinity - THRESHOLD))
        disliked = second < _sigmoid(SHARPNESS * (DISLIKE_BELOW - affinity))
        return np.where(liked, LIKE, np.where(disliked, DISLIKE, SKIP))


def make_world(*, days: int, users: int, items: int, visits: int, seed: int) -> World:
    """Return a world; `visits` is how many people come on a day, those who are new included."""
    generator = np.random.default_rng(seed)
    of_genres = _unit(generator.normal(size=(GENRES, DIMENSIONS)))
    genres = _genres(generator, items)
    factors = _mixed(generator, genres.astype(np.float32) @ of_genres)
    tastes = _mixed(generator, _loved(generator, users) @ of_genres)
    appeal = np.minimum(generator.exponential(size=items) - 1, MOST_APPEAL)
    arrives = np.zeros(items, np.int64)
    later = items - int(AT_START * items)
    arrives[items - later :] = np.sort(generator.integers(1, max(2, days), later))
    leaves = np.full(items, days + 1)
    gone = generator.random(items) < WITHDRAWN
    leaves[gone] = arrives[gone] + 1 + generator.integers(0, days, gone.sum())
    return World(
        genres,
        np.float32(np.sqrt(1 - APPEAL_SHARE) * _spread(factors, tastes)) * factors,
        (np.sqrt(APPEAL_SHARE) * (appeal - appeal.mean()) / appeal.std()).astype(np.float32),
        tastes,
        arrives,
        leaves,
        _visits(generator, days, users, visits),
        seed,
    )


def _genres(generator: np.random.Generator, items: int) -> NDArray[np.bool_]:
    """Two to four genres an item, some genres more frequent than others."""
    keys = generator.gumbel(size=(items, GENRES)) - 0.5 * np.log(np.arange(1, GENRES + 1))
    counts = generator.integers(2, 5, items)
    order = np.argsort(-keys, axis=1)
    ranks = np.argsort(order, axis=1)
    return ranks < counts[:, None]


def _loved(generator: np.random.Generator, users: int) -> Floats:
    """(users, GENRES): two or three genres each, some loved more than others."""
    keys = generator.random((users, GENRES))
    loved = np.argsort(np.argsort(keys, axis=1), axis=1) < generator.integers(2, 4, users)[:, None]
    return (loved * generator.gamma(2.0, size=(users, GENRES))).astype(np.float32)


def _mixed(generator: np.random.Generator, explained: NDArray[np.float64]) -> Floats:
    """Return rows of length one, of which genres explain `GENRE_SHARE`."""
    own = _unit(generator.normal(size=explained.shape))
    mixed = np.sqrt(GENRE_SHARE) * _unit(explained) + np.sqrt(1 - GENRE_SHARE) * own
    return _unit(mixed).astype(np.float32)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _spread(factors: Floats, tastes: Floats) -> float:
    """Return what gives the products of both the variance 1."""
    return float(1 / (factors[:2000] @ tastes[:2000].T).std())


def _visits(
    generator: np.random.Generator, days: int, users: int, visits: int
) -> tuple[tuple[Visit, ...], ...]:
    """Everybody comes a first time, evenly over the year; the rest are those who come back."""
    first = np.sort(generator.integers(0, days, users))
    activity = generator.lognormal(0.0, 1.0, users)  # a few come often
    found = []
    for day in range(days):
        new = np.flatnonzero(first == day)
        known = np.flatnonzero(first < day)
        back = min(max(0, visits - len(new)), len(known))
        odds = activity[known] / activity[known].sum() if back else None
        again = generator.choice(known, back, replace=False, p=odds) if back else known[:0]
        lists = generator.choice(LISTS, len(new) + back, p=LISTS_ODDS)
        people = generator.permutation(np.concatenate([new, again]))
        found.append(tuple(Visit(int(u), int(n)) for u, n in zip(people, lists, strict=True)))
    return tuple(found)


def _sigmoid(x: Floats) -> Floats:
    return np.float32(1) / (np.float32(1) + np.exp(-x))


def _uniform(seed: int, user: int, items: Ints) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return two numbers in [0, 1) for each pair: a hash (splitmix64), so that no order matters."""
    start = _mix(np.array([seed * 1_000_003 + user], np.uint64))
    bits = _mix(start ^ (items.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)))
    return (bits >> np.uint64(32)) / 2.0**32, (bits & np.uint64(0xFFFFFFFF)) / 2.0**32


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
