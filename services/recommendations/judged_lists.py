"""The lists that a scorer would give to many people, ranked in batches, and what of them was liked later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.recommendations.datasets import Interactions
from services.recommendations.scorers.interface import LONGEST
from services.recommendations.scoring import Floats, Scorer

SCORES_AT_ONCE = 4_000_000  # floats in one batch of scores: 16 MB
USERS_AT_ONCE = 256
REACTIONS_AT_ONCE = 50_000  # bounds what folding in takes: 26 MB in 128 dimensions
DIVERSE_LISTS = (
    200  # of which diversity is taken, evenly spaced: their mean then is good to about .01
)

Booleans = NDArray[np.bool_]
Doubles = NDArray[np.float64]
Numbers = NDArray[np.intp]


@dataclass(frozen=True)
class JudgedLists:
    """What was listed for n users in `width` places: `items`, -1 where a place is empty; which of them
    are hits; and how many there were to find (n,).
    """

    items: Numbers
    hits: Booleans
    relevant: Numbers

    def ndcg(self, k: int) -> Doubles:
        """Return each user's NDCG@k (Järvelin, Kekäläinen, 2002)."""
        discounts = 1 / np.log2(np.arange(k) + 2)
        best = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(self.relevant, k)]
        return np.asarray(self.hits[:, :k] @ discounts / best)

    def recall(self, k: int) -> Doubles:
        """Return the share of what there was to find that is in each user's first k."""
        return np.asarray(self.hits[:, :k].sum(axis=1) / self.relevant)

    def average_precision(self, k: int) -> Doubles:
        """Return each user's mean precision at the hits, over min(k, relevant)."""
        hits = self.hits[:, :k]
        precision = np.cumsum(hits, axis=1) / np.arange(1, k + 1)
        found = (precision * hits).sum(axis=1)
        return np.asarray(found / np.minimum(self.relevant, k))

    def distinct(self, k: int) -> int:
        """Return how many items are in the first k of anybody."""
        return int((np.unique(self.items[:, :k]) >= 0).sum())

    def diversity(self, k: int, likeness: Callable[[Numbers], Floats]) -> float:
        """Return the mean of 1 - likeness over the pairs of each list."""
        step = max(1, -(-len(self.items) // DIVERSE_LISTS))
        lists = [row[row >= 0] for row in self.items[::step, :k]]
        means = [_between(likeness(numbers)) for numbers in lists if len(numbers) > 1]
        return 1 - float(np.mean(means)) if means else float("nan")


def ranked(
    scorer: Scorer,
    candidates: Booleans,
    train: Interactions,
    relevant: Interactions,
    users: Numbers,
    *,
    width: int,
    among: Numbers | None = None,
) -> JudgedLists:
    """Return the first `width` candidates for each user, whose history is in `train`; see `evaluate`."""
    size = len(candidates)
    lists = np.full((len(users), width), -1)
    hits = np.zeros((len(users), width), bool)
    batch = batch_of(size, train, users)
    for start in range(0, len(users), batch):
        some = slice(start, start + batch)
        scores = _scores(scorer, candidates, train, users[some])
        found = _best(scores, width) if among is None else _best_among(scores, among[some], width)
        lists[some, : found.shape[1]] = found
        for row, user in enumerate(users[some].tolist(), start):
            hits[row] = np.isin(lists[row], relevant.history(user).items)
    return JudgedLists(lists, hits, np.diff(relevant.starts)[users])


def batch_of(size: int, train: Interactions, users: Numbers) -> int:
    """Return how many users are scored at once: histories are padded to the longest of them."""
    longest = min(LONGEST, int(np.diff(train.starts)[users].max(initial=1)))
    most = min(SCORES_AT_ONCE // max(1, size), REACTIONS_AT_ONCE // max(1, longest))
    return min(USERS_AT_ONCE, max(1, most))


def _scores(scorer: Scorer, candidates: Booleans, train: Interactions, users: Numbers) -> Floats:
    """Return a row of scores for each user, -inf for what may not be in the list."""
    histories = [train.history(user) for user in users]
    scores = scorer.score(histories)[:, : len(candidates)]
    scores[:, ~candidates] = -np.inf
    for row, history in enumerate(histories):
        scores[row, history.items] = -np.inf
    return scores


def _best(scores: Floats, width: int) -> Numbers:
    """Return each row's best items, best first, of equals the lower number; -1 where there are no more."""
    width = min(width, scores.shape[1])
    best = np.argpartition(-scores, width - 1, axis=1)[:, :width]
    values = np.take_along_axis(scores, best, axis=1)
    order = np.lexsort((best, -values))
    return _filled(np.take_along_axis(best, order, axis=1), values, order)


def _best_among(scores: Floats, among: Numbers, width: int) -> Numbers:
    values = np.take_along_axis(scores, among, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")[:, :width]
    return _filled(np.take_along_axis(among, order, axis=1), values, order)


def _filled(items: Numbers, values: Floats, order: Numbers) -> Numbers:
    finite = np.isfinite(np.take_along_axis(values, order, axis=1))
    return np.where(finite, items, -1)


def _between(likeness: Floats) -> float:
    return float(likeness[np.triu_indices(len(likeness), 1)].mean())
