"""The year itself: every policy meets the same people on the same days, and each list is judged."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tests.quality.year_world import LIKE, Floats, Ints, World

LENGTH = 10  # items of a list
IN_FLIGHT = 8  # people who ask for a list at the same moment
DISCOUNTS = 1 / np.log2(np.arange(2, LENGTH + 2))


@dataclass(frozen=True)
class Given:
    """A list as a policy gave it; `sources` has a letter for each place, '' where there is no telling."""

    items: Ints
    sources: str = ""


class Policy(Protocol):
    """Who makes the lists. Nobody gets an item twice while there are others."""

    name: str

    async def begin(self, day: int) -> None:
        """Take in the items that come and go on this day."""

    async def give(self, day: int, user: int) -> Given:
        """Return a list."""

    async def hear(self, day: int, users: Sequence[int], items: Ints, reactions: Ints) -> None:
        """Take in reactions: columns of equal length."""

    async def end(self, day: int) -> None:
        """Learn, if this is a day to learn on."""


@dataclass
class Log:
    """A row for each list, in columns: the `nth` list of this user, from 0."""

    policy: str
    day: list[int] = field(default_factory=list)
    user: list[int] = field(default_factory=list)
    nth: list[int] = field(default_factory=list)
    likes: list[float] = field(default_factory=list)
    ndcg: list[float] = field(default_factory=list)
    diversity: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    covered: list[float] = field(default_factory=list)  # at each day's end
    shown_from: Counter[str] = field(default_factory=Counter)
    liked_from: Counter[str] = field(default_factory=Counter)
    times_shown: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    learning: float = 0.0  # seconds


class Judge:
    """Judges lists by what nobody else can see: the true tastes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._seen = np.zeros((world.users, world.items), np.bool_)

    def ndcg(self, likes: Floats, items: Ints, listed: NDArray[np.bool_], user: int) -> float:
        """Return the list's gain over that of the best list of what this user has not seen yet."""
        unseen = np.where(listed & ~self._seen[user], likes, 0.0)
        best = -np.sort(-np.partition(unseen, -LENGTH)[-LENGTH:])
        self._seen[user, items] = True
        return float(likes[items] @ DISCOUNTS[: len(items)] / (best @ DISCOUNTS))

    def diversity(self, items: Ints) -> float:
        """Return 1 minus the mean Jaccard similarity of the genres of the list's pairs."""
        genres = self._world.genres[items].astype(np.float32)
        both = genres @ genres.T
        counts = genres.sum(axis=1)
        similar = both / (counts[:, None] + counts[None, :] - both)
        pairs = len(items) * (len(items) - 1)
        return float(1 - (similar.sum() - np.trace(similar)) / max(1, pairs))


async def simulate(world: World, policy: Policy) -> Log:
    """Return what became of this policy."""
    log, judge = Log(policy.name, times_shown=np.zeros(world.items, np.int64)), Judge(world)
    lists = np.zeros(world.users, np.int64)
    for day, visits in enumerate(world.days):
        await policy.begin(day)
        listed = world.listed(day)
        likes = {visit.user: world.likes(visit.user) for visit in visits}
        for turn in range(max((visit.lists for visit in visits), default=0)):
            users = [visit.user for visit in visits if visit.lists > turn]
            given = await _ask(policy, day, users, log)
            for user, told in zip(users, given, strict=True):
                _check(told.items, listed)
                log.day.append(day)
                log.user.append(user)
                log.nth.append(int(lists[user]))
                log.ndcg.append(judge.ndcg(likes[user], told.items, listed, user))
                log.diversity.append(judge.diversity(told.items))
                lists[user] += 1
            await _react(world, policy, day, users, given, log)
        started = time.perf_counter()
        await policy.end(day)
        log.learning += time.perf_counter() - started
        log.covered.append(float((log.times_shown[world.arrives <= day] > 0).mean()))
    return log


def _check(items: Ints, listed: NDArray[np.bool_]) -> None:
    """Refuse a list that nobody may give, whatever its figures."""
    if len(items) > LENGTH or len(np.unique(items)) < len(items) or not listed[items].all():
        raise AssertionError(f"A list is too long, repeats an item or has a withdrawn one: {items}")


async def _ask(policy: Policy, day: int, users: Sequence[int], log: Log) -> list[Given]:
    free = asyncio.Semaphore(IN_FLIGHT)

    async def ask(user: int) -> tuple[Given, float]:
        async with free:
            started = time.perf_counter()
            return await policy.give(day, user), time.perf_counter() - started

    answers = await asyncio.gather(*(ask(user) for user in users))
    log.seconds += [seconds for _, seconds in answers]
    return [given for given, _ in answers]


async def _react(
    world: World, policy: Policy, day: int, users: Sequence[int], given: Sequence[Given], log: Log
) -> None:
    told = [world.reactions(u, g.items) for u, g in zip(users, given, strict=True)]
    for each, reactions in zip(given, told, strict=True):
        liked = reactions == LIKE
        log.likes.append(float(liked.mean()) if len(liked) else 0.0)
        log.times_shown[each.items] += 1
        log.shown_from.update(each.sources)
        log.liked_from.update(s for s, like in zip(each.sources, liked, strict=False) if like)
    people = [u for u, each in zip(users, given, strict=True) for _ in each.items]
    await policy.hear(
        day, people, np.concatenate([each.items for each in given]), np.concatenate(told)
    )
