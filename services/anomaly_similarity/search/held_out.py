"""Queries that nothing was fitted to, and what every method says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.anomaly_similarity.search import calibration
from services.anomaly_similarity.search.calibration import Calibration
from services.anomaly_similarity.search.cases import UNKNOWN, Corpus, Floats
from services.anomaly_similarity.search.evaluation import (
    HIT,
    Numbers,
    Task,
    best_candidates,
    make_task,
)
from services.anomaly_similarity.search.fitting import LEARNS_FROM_KEY, fit
from services.anomaly_similarity.search.methods.blend import combined
from services.anomaly_similarity.search.vocabulary import Entry, learn

MOST = 2_000  # queries, the newest: intervals are then ±0.02
SCORES = (
    50_000_000  # of a method that are held, 200 MB; 100,000 cases are then judged by 500 queries
)
COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)


@dataclass(frozen=True)
class HeldOut:
    """Scores (queries, cases) by method for all queries, those without a relevant earlier case too."""

    task: Task
    scores: Mapping[str, Floats]
    seconds: Mapping[str, float]  # to fit each method
    unbegun: tuple[str, ...] = ()  # methods for which no time was left

    def answerable(self) -> HeldOut:
        """Return the part of the queries that have a relevant earlier case."""
        rows = (self.task.relevant == 1).any(axis=1)
        scores = {name: each[rows] for name, each in self.scores.items()}
        return HeldOut(self.task.where(rows), scores, self.seconds, self.unbegun)


@dataclass(frozen=True)
class Pairs:
    """The first five cases of each query: what the methods say of them, and whether they are relevant."""

    scores: Mapping[str, Floats]  # by method (n,)
    relevant: NDArray[np.bool_]
    first: NDArray[np.bool_]

    def joined(self, other: Pairs) -> Pairs:
        """Return both."""
        scores = {
            name: np.concatenate([own, other.scores[name]]) for name, own in self.scores.items()
        }
        return Pairs(
            scores,
            np.concatenate([self.relevant, other.relevant]),
            np.concatenate([self.first, other.first]),
        )

    def calibrated(self) -> Calibration | None:
        """Return the calibration by these pairs; None where they are too few."""
        return calibration.fit(self.scores, self.relevant, self.first)


@dataclass(frozen=True)
class Certainty:
    """How far a calibration holds on queries that it was not fitted to."""

    queries: int
    error_of_pairs: float  # expected calibration error of the first five cases of each
    error_of_first: float  # of the first one
    abstained: float  # share of queries below the threshold
    abstained_rightly: float  # share of these whose first case is not relevant
    risks: list[
        tuple[float, float]
    ]  # (coverage, share of wrong first cases), the most certain kept


def hold_out(
    corpus: Corpus,
    queries: Numbers,
    names: Iterable[str],
    edits: Sequence[Entry] = (),
    *,
    seconds: float = float("inf"),
) -> HeldOut:
    """Fit to what was there before the first query, and score later queries as they would be served.

    Methods are begun for `seconds`; what is not begun then is left out.
    """
    past = _past(corpus, queries)
    there = corpus.before(int(queries[-1]) + 1)
    vocabulary = learn([case.description for case in past.cases], edits)
    fits = fit(past, vocabulary, names, seconds=seconds)
    most = min(MOST, max(1, SCORES // len(there.cases)))
    task = make_task(there, queries[-most:], answerable=False)
    asking = [there.cases[place] for place in task.queries.tolist()]
    scores: dict[str, Floats] = {}
    for name in fits.methods:
        method = fits.load(name)
        method.add(there.cases)
        scores[name] = method.score(asking)
    return HeldOut(task, scores, fits.seconds, tuple(fits.unbegun))


def hide(corpus: Corpus, queries: Numbers, held: HeldOut, edits: Sequence[Entry] = ()) -> HeldOut:
    """Return the same, scored as if the key said nothing of each query's kind.

    A kind is a value of the key's first attribute. Half of them are hidden at a time.
    """
    if LEARNS_FROM_KEY not in held.scores or not corpus.key:
        return held
    past = _past(corpus, queries)
    vocabulary = learn([case.description for case in past.cases], edits)
    kinds = corpus.values(corpus.key[0])
    found = held.scores[LEARNS_FROM_KEY].copy()
    for half in (0, 1):
        in_half = (kinds != UNKNOWN) & (kinds % 2 == half)
        hidden = past.without_key(np.flatnonzero(in_half[: len(past.cases)]).tolist())
        fits = fit(hidden, vocabulary, [LEARNS_FROM_KEY])
        rows = np.flatnonzero(in_half[held.task.queries])
        if LEARNS_FROM_KEY in fits.methods and len(rows):
            method = fits.load(LEARNS_FROM_KEY)
            method.add(corpus.cases[: found.shape[1]])
            asking = held.task.queries[rows].tolist()
            found[rows] = method.score([corpus.cases[place] for place in asking])
    return replace(held, scores={**held.scores, LEARNS_FROM_KEY: found})


def share_without_key(corpus: Corpus, queries: Numbers) -> float:
    """Return the share of the cases before these queries of whose kind the key says nothing; 0 without a key."""
    labels = _past(corpus, queries).labels()
    return float((labels == UNKNOWN).mean()) if corpus.key and len(labels) else 0.0


def _past(corpus: Corpus, queries: Numbers) -> Corpus:
    begin = corpus.cases[int(queries[0])].timestamp
    return corpus.before(next(i for i, c in enumerate(corpus.cases) if c.timestamp >= begin))


def pairs_of(held: HeldOut, weights: Mapping[str, float]) -> Pairs:
    """Return the pairs that a blend with these weights would show."""
    blend = combined(held.scores, weights)
    best = best_candidates(blend, held.task, HIT)
    rows = np.repeat(np.arange(len(best)), [len(each) for each in best])
    places = np.concatenate([np.zeros(0, np.intp), *best])
    first = np.concatenate([np.zeros(0, bool), *(np.arange(len(each)) == 0 for each in best)])
    scores = {name: held.scores[name][rows, places] for name in weights}
    relevant = held.task.relevant[rows, places] == 1
    return Pairs(scores, relevant, first)


def certainty_of(pairs: Pairs, fitted: Calibration) -> Certainty:
    """Return how far this calibration holds on these pairs."""
    said = fitted.probability(pairs.scores)
    first, right = said[pairs.first], pairs.relevant[pairs.first]
    below = first < fitted.threshold
    return Certainty(
        queries=len(first),
        error_of_pairs=calibration.calibration_error(said, pairs.relevant),
        error_of_first=calibration.calibration_error(first, right),
        abstained=float(below.mean()) if len(below) else float("nan"),
        abstained_rightly=float(1 - right[below].mean()) if below.any() else float("nan"),
        risks=calibration.risk_coverage(first, right, COVERAGES),
    )
