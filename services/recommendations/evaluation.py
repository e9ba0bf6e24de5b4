"""How well a scorer ranks what people liked later. The scorers are those of serving.

Measures at k (10, unless said otherwise), each the mean over the people with something to find
(relevant = later liked):

- NDCG: Σ 1/log2(rank + 1) over the hits, divided by what a perfect list would get;
- recall: hits / relevant, at k and at 20; with one relevant item each this is the hit rate;
- MAP: mean of the precision at each hit, over min(k, relevant);
- coverage: distinct items in all lists / recommendable items;
- diversity of a list: 1 - the mean likeness of two of its items, by genres (Jaccard) and as the model
  itself has it (in -1..1, so this one is in 0..2).

A list never has what the person reacted to before, nor hidden or unlisted items.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.recommendations.catalogue import Item
from services.recommendations.datasets import Interactions
from services.recommendations.diversity import genre_likeness
from services.recommendations.exposure import auc_of_shown
from services.recommendations.judged_lists import Booleans, Doubles, Numbers, ranked
from services.recommendations.scoring import Floats, Scorer

TOP = 10  # length of the lists that are judged, as served by default
LONG = 20  # the other length at which recall is told, as much of the literature does
COLD_HISTORY = 3  # a person with at most so many reactions is cold
RESAMPLES = 1_000  # of the bootstrap: the ends of a 95 % interval then rest on 25 resamples each

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
    recall_at_20: float = float("nan")
    diversity: float = float("nan")  # by genres; NaN where no item has one
    model_diversity: float = float("nan")  # NaN where to the model no two items are alike
    auc_of_shown: float = float("nan")  # NaN where nobody liked one thing and passed over another


@dataclass(frozen=True)
class Evaluation:
    """The measures and, for comparisons, whom they were taken of, each one's NDCG and AUC of what was shown
    (NaN for who has none)."""

    measures: Measures
    users: Numbers
    ndcg: Doubles
    auc: Doubles


def users_to_judge_by(holdout: Interactions, items: Sequence[Item]) -> Numbers:
    """Return the users who later liked an item that can be recommended, ascending."""
    size = _size(items, holdout)
    return np.unique(_relevant(holdout, _recommendable(items, size)).users).astype(np.intp)


def evaluate(
    scorer: Scorer,
    items: Sequence[Item],
    train: Interactions,
    holdout: Interactions,
    *,
    users: Numbers | None = None,
    k: int = TOP,
    among: Numbers | None = None,
) -> Evaluation:
    """Judge a scorer, in which the items are placed, by what `users` (default: all) did later.

    `among` (users, m) has the item numbers that are ranked for each of the users, the first of equals
    first; by default it is the whole catalogue.
    """
    size = _size(items, train, holdout)
    candidates = _recommendable(items, size)
    if users is None:
        users = users_to_judge_by(holdout, items)
    relevant = _relevant(holdout, candidates)
    width = max(k, LONG)
    lists = ranked(scorer, candidates, train, relevant, users, width=width, among=among)
    ndcg = lists.ndcg(k)
    cold = np.diff(train.starts)[users] <= COLD_HISTORY
    unseen = candidates & ~_flags(train.liked.items, size)
    cold_items, cold_items_ndcg = _of_unseen(scorer, unseen, train, relevant, users, k)
    auc = auc_of_shown(scorer, train, holdout, users)
    measures = Measures(
        users=len(users),
        ndcg=_mean(ndcg),
        recall=_mean(lists.recall(k)),
        map=_mean(lists.average_precision(k)),
        coverage=lists.distinct(k) / max(1, int(candidates.sum())),
        cold_users=int(cold.sum()),
        cold_users_ndcg=_mean(ndcg[cold]),
        cold_items=cold_items,
        cold_items_ndcg=cold_items_ndcg,
        recall_at_20=_mean(lists.recall(LONG)),
        diversity=lists.diversity(k, genres) if (genres := _genres(items)) else float("nan"),
        model_diversity=_unless_one(
            lists.diversity(k, lambda numbers: scorer.pairwise(numbers.tolist()))
        ),
        auc_of_shown=_mean(auc[np.isfinite(auc)]),
    )
    return Evaluation(measures, users, ndcg, auc)


def _of_unseen(
    scorer: Scorer,
    unseen: Booleans,
    train: Interactions,
    relevant: Interactions,
    users: Numbers,
    k: int,
) -> tuple[int, float]:
    """Return how many pairs of these users have an item that is unseen, and the NDCG of lists of such alone."""
    sought = _relevant(relevant, unseen)
    lists = ranked(scorer, unseen, train, sought, np.intersect1d(sought.users, users), width=k)
    return int(np.isin(sought.users, users).sum()), _mean(lists.ndcg(k))


def ndcg_of(
    scorer: Scorer,
    items: Sequence[Item],
    train: Interactions,
    holdout: Interactions,
    users: Numbers,
) -> float:
    """Return the NDCG of `evaluate` and nothing else: for searches, which ask for it a thousand times."""
    candidates = _recommendable(items, _size(items, train, holdout))
    relevant = _relevant(holdout, candidates)
    return _mean(ranked(scorer, candidates, train, relevant, users, width=TOP).ndcg(TOP))


def interval(values: Doubles, *, seed: int = 0) -> Interval:
    """Return the mean over users and its 95 % bootstrap interval."""
    if not len(values):
        return float("nan"), float("nan"), float("nan")
    random = np.random.default_rng(seed)
    people = len(values)
    means = [values[random.integers(0, people, people)].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def difference(one: Doubles, other: Doubles, *, seed: int = 0) -> Interval:
    """Return the mean of (one - other) and its 95 % bootstrap interval, paired by user."""
    return interval(one - other, seed=seed)


def _genres(items: Sequence[Item]) -> Callable[[Numbers], Floats] | None:
    """Return what tells how alike items are by their genres; None where no item has any."""
    genres = {item.number: item.genres for item in items if item.genres}
    if not genres:
        return None
    return lambda numbers: genre_likeness([genres.get(n, ()) for n in numbers.tolist()])


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


def _unless_one(diversity: float) -> float:
    return float("nan") if diversity == 1 else diversity
