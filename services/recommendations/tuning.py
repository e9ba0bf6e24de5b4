"""Choosing by people whose later likes are then not used to judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.recommendations.criteria import Criterion
from services.recommendations.datasets import Dataset, Split
from services.recommendations.evaluation import Evaluation, evaluate, users_to_judge_by
from services.recommendations.models import Fitted
from services.recommendations.scorers.blend import BlendScorer
from services.recommendations.scoring import Floats, History, Scorer, build_scorer

ONE_IN = (
    2  # people choose the parameters, the others judge: a choice among a hundred is mostly chance
)
ENOUGH = 40  # people: with fewer, a choice would be chance, and the defaults stay
AT_MOST = 2_000  # people: with more, the choice no longer changes
REMEMBERED = 16_000_000  # scores of each part of a blend: 64 MB

COLD = "lightfm"  # the part that knows items by their features …
COLD_SHARES = (
    0.05,
    0.15,
    0.3,
    0.5,
    0.75,
)  # … and always has a say, so that new items are in an order
LEARNED = 3  # likes in the histories by which the weights for short ones are learned
STEPS = 4  # in which the other parts share the rest


def choosers_and_judges(
    dataset: Dataset, split: Split
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return two groups of users that have none in common; nobody chooses where people are few."""
    users = users_to_judge_by(split.holdout, dataset.items)
    chosen = np.arange(len(users)) % ONE_IN == 0
    if chosen.sum() < ENOUGH:
        return users[:0], users
    return users[chosen][:AT_MOST], users[~chosen]


def judge(
    fitted: Fitted, dataset: Dataset, split: Split, users: NDArray[np.intp] | None = None
) -> Evaluation:
    """Return how well a model does for these users' later likes."""
    scorer = placed(fitted, dataset)
    return evaluate(scorer, dataset.items, split.train, split.holdout, users=users)


def tune(
    fitted: Fitted, grid: Mapping[str, Sequence[Any]], judged: Callable[[Fitted], float]
) -> tuple[Fitted, float]:
    """Return the model with the serving parameters of the grid that are judged best, and how.

    One parameter after the other, the others as they were found best so far.
    """
    best, found = fitted, judged(fitted)
    for name, values in grid.items():
        for value in values:
            if value == best.serving[name]:
                continue
            other = best.serving_with(**{name: value})
            score = judged(other)
            if score > found:
                best, found = other, score
    return best, found


def learn_weights(
    parts: Mapping[str, Fitted],
    dataset: Dataset,
    split: Split,
    users: NDArray[np.intp],
    criterion: Criterion,
    *,
    short: bool = False,
) -> tuple[dict[str, float], float]:
    """Return the weights by which a blend of these models is best for these users, and how good it is.

    With `short`, as if of each history only the end were known, with `LEARNED` likes. Each part scores once; every combination is then a sum of what it said.
    """
    users = criterion.judges(split.holdout, users)[: max(1, REMEMBERED // max(1, dataset.size))]
    names = sorted(parts)
    scorers = [_Remembered(placed(parts[name], dataset), short=short) for name in names]
    best: dict[str, float] = {}
    found = -1.0
    for weights in shares(names):
        blend = BlendScorer(scorers, [weights[name] for name in names])
        score = criterion.mean(blend, dataset, split, users)
        if score > found:
            best, found = weights, score
    return best, found


def shares(names: Sequence[str]) -> Iterator[dict[str, float]]:
    """Yield the weights to try, each set summing to 1."""
    warm = [name for name in names if name != COLD]
    cold = COLD_SHARES if len(warm) < len(names) else (0.0,)
    for share, steps in product(cold, product(range(STEPS + 1), repeat=len(warm))):
        if sum(steps) == STEPS:
            rest = {
                name: (1 - share) * step / STEPS for name, step in zip(warm, steps, strict=True)
            }
            yield {**rest, COLD: share} if share else rest


def shortened(history: History) -> History:
    """Return the end of a history, with `LEARNED` likes at most."""
    liked = (history.weights > 0).astype(np.int64)
    liked_after = liked[::-1].cumsum()[::-1]
    first = int(np.searchsorted(-liked_after, -LEARNED))
    return History(history.items[first:], history.weights[first:])


class _Remembered:
    """A scorer that scores each history once; of a `short` one, what `shortened` leaves."""

    def __init__(self, scorer: Scorer, *, short: bool = False) -> None:
        self._short = short
        self._scorer = scorer
        self._scores: dict[bytes, Floats] = {}
        self.popularity = scorer.popularity
        self.place, self.alike = scorer.place, scorer.alike
        self.index, self.tastes = scorer.index, scorer.tastes
        self.pairwise, self.contributions = scorer.pairwise, scorer.contributions

    def score(self, histories: Sequence[History]) -> Floats:
        """See `Scorer`."""
        if self._short:
            histories = [shortened(history) for history in histories]
        keys = [history.items.tobytes() + history.weights.tobytes() for history in histories]
        new = {
            key: history
            for key, history in zip(keys, histories, strict=True)
            if key not in self._scores
        }
        if new:
            self._scores.update(zip(new, self._scorer.score(list(new.values())), strict=True))
        return np.stack([self._scores[key] for key in keys])


def placed(fitted: Fitted, dataset: Dataset) -> Scorer:
    """Return the scorer of a fitted model, with the items placed in it."""
    scorer = build_scorer(fitted.arrays, fitted.serving)
    scorer.place(dataset.items, dataset.size)
    return scorer
