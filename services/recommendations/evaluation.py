"""How well a scorer ranks what people liked later. The scorers are those of serving.

Measures at 10, each the mean over the people with something to find (relevant = later liked):

- NDCG: Σ 1/log2(rank + 1) over the hits, divided by what a perfect list would get;
- recall: hits / relevant;
- MAP: mean of the precision at each hit, over min(10, relevant);
- coverage: distinct items in all lists / recommendable items.

A list never has what the person reacted to before, nor hidden or unlisted items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.recommendations.catalogue import Item
from services.recommendations.datasets import Interactions
from services.recommendations.scoring import Scorer

TOP = 10  # length of the lists that are judged, as served by default
COLD_HISTORY = 3  # a person with at most so many reactions is cold
SCORES_AT_ONCE = 4_000_000  # floats in one batch of scores: 16 MB
USERS_AT_ONCE = 256  # bounds what folding in takes: 13 MB for histories of 200 in 64 dimensions
RESAMPLES = 1_000  # of the bootstrap: the ends of a 95 % interval then rest on 25 resamples each

Booleans = NDArray[np.bool_]
Doubles = NDArray[np.float64]
Interval = tuple[float, float, float]  # a mean, and the ends of its 95 % interval


@dataclass(frozen=True)
class Measures:
    """Means over `users`; NaN where there is nobody to judge by."""

    users: int
    ndcg: float
    recall: float
    map: float
    coverage: float
    cold_users: int  # with at most `COLD_HISTORY` reactions before
    cold_users_ndcg: float
    cold_items: int  # relevant pairs whose item nobody had liked before
    cold_items_ndcg: float  # of a list of such items only: are new ones ordered by taste?


@dataclass(frozen=True)
class Evaluation:
    """The measures and, for comparisons, whom they were taken of and each one's NDCG."""

    measures: Measures
    users: NDArray[np.intp]
    ndcg: Doubles


@dataclass(frozen=True)
class _Hits:
    """Hits of ranked lists (users, TOP), how many were relevant (users,), and the distinct items listed."""

    hits: Booleans
    relevant: NDArray[np.intp]
    listed: int

    def ndcg(self) -> Doubles:
        discounts = 1 / np.log2(np.arange(TOP) + 2)
        best = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(self.relevant, TOP)]
        return np.asarray(self.hits @ discounts / best)

    def recall(self) -> Doubles:
        return np.asarray(self.hits.sum(axis=1) / self.relevant)

    def average_precision(self) -> Doubles:
        precision = np.cumsum(self.hits, axis=1) / np.arange(1, TOP + 1)
        found = (precision * self.hits).sum(axis=1)
        return np.asarray(found / np.minimum(self.relevant, TOP))


def users_to_judge_by(holdout: Interactions, items: Sequence[Item]) -> NDArray[np.intp]:
    """Return the users who later liked an item that can be recommended, ascending."""
    size = _size(items, holdout)
    return np.unique(_relevant(holdout, _recommendable(items, size)).users).astype(np.intp)


def evaluate(
    scorer: Scorer,
    items: Sequence[Item],
    train: Interactions,
    holdout: Interactions,
    *,
    users: NDArray[np.intp] | None = None,
) -> Evaluation:
    """Judge a scorer, in which the items are placed, by what `users` (default: all) did later."""
    size = _size(items, train, holdout)
    candidates = _recommendable(items, size)
    if users is None:
        users = users_to_judge_by(holdout, items)
    relevant = _relevant(holdout, candidates)
    result = _rank(scorer, candidates, train, relevant, users)
    ndcg = result.ndcg()
    cold = np.diff(train.starts)[users] <= COLD_HISTORY
    unseen = candidates & ~_flags(train.liked.items, size)
    cold_relevant = _relevant(relevant, unseen)
    seekers = np.intersect1d(cold_relevant.users, users)
    measures = Measures(
        users=len(users),
        ndcg=_mean(ndcg),
        recall=_mean(result.recall()),
        map=_mean(result.average_precision()),
        coverage=result.listed / max(1, int(candidates.sum())),
        cold_users=int(cold.sum()),
        cold_users_ndcg=_mean(ndcg[cold]),
        cold_items=int(np.isin(cold_relevant.users, users).sum()),
        cold_items_ndcg=_mean(_rank(scorer, unseen, train, cold_relevant, seekers).ndcg()),
    )
    return Evaluation(measures, users, ndcg)


def difference(one: Doubles, other: Doubles, *, seed: int = 0) -> Interval:
    """Return the mean of (one - other) and its 95 % bootstrap interval, paired by user."""
    differences = one - other
    if not len(differences):
        return float("nan"), float("nan"), float("nan")
    random = np.random.default_rng(seed)
    people = len(differences)
    means = [differences[random.integers(0, people, people)].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(differences.mean()), float(low), float(high)


def _rank(
    scorer: Scorer,
    candidates: Booleans,
    train: Interactions,
    relevant: Interactions,
    users: NDArray[np.intp],
) -> _Hits:
    size = len(candidates)
    hits = np.zeros((len(users), TOP), bool)
    listed = np.zeros(size, bool)
    batch = min(USERS_AT_ONCE, max(1, SCORES_AT_ONCE // max(1, size)))
    for start in range(0, len(users), batch):
        some = users[start : start + batch]
        top, eligible = _lists(scorer, candidates, train, some)
        wanted = np.zeros((len(some), size), bool)
        for row, user in enumerate(some):
            wanted[row, relevant.history(user).items] = True
        hits[start : start + len(some), : top.shape[1]] = (
            np.take_along_axis(wanted, top, axis=1) & eligible
        )
        listed[top[eligible]] = True
    return _Hits(hits, np.diff(relevant.starts)[users], int(listed.sum()))


def _lists(
    scorer: Scorer, candidates: Booleans, train: Interactions, users: NDArray[np.intp]
) -> tuple[NDArray[np.intp], Booleans]:
    """Return each user's best items, best first, and which of these places are filled at all."""
    histories = [train.history(user) for user in users]
    scores = scorer.score(histories)
    scores[:, ~candidates] = -np.inf
    for row, history in enumerate(histories):
        scores[row, history.items] = -np.inf
    length = min(TOP, scores.shape[1])
    best = np.argpartition(-scores, length - 1, axis=1)[:, :length]
    values = np.take_along_axis(scores, best, axis=1)
    order = np.lexsort((best, -values))
    return (
        np.take_along_axis(best, order, axis=1),
        np.isfinite(np.take_along_axis(values, order, axis=1)),
    )


def _relevant(holdout: Interactions, candidates: Booleans) -> Interactions:
    return holdout.where((holdout.weights > 0) & candidates[holdout.items])


def _recommendable(items: Sequence[Item], size: int) -> Booleans:
    numbers = [item.number for item in items if item.listed and not item.hidden]
    return _flags(np.array(numbers, np.int32), size)


def _flags(numbers: NDArray[np.int32], size: int) -> Booleans:
    flags = np.zeros(size, bool)
    flags[numbers] = True
    return flags


def _size(items: Sequence[Item], *parts: Interactions) -> int:
    numbers = [max((item.number for item in items), default=-1)]
    return max(numbers + [int(part.items.max()) for part in parts if len(part)]) + 1


def _mean(values: Doubles) -> float:
    return float(values.mean()) if len(values) else float("nan")
