"""How well a method finds relevant cases: later cases ask, and see only earlier ones.

A query counts when at least one relevant earlier case is there. Candidates of which nobody knows whether they
are relevant (no label, no verdict) are left out of the lists, as in condensed lists (Sakai, 2007). Measures:

- P@1: the share of queries whose first case is relevant;
- hit@5: the share with a relevant one among the first five;
- MRR: the mean of 1 / rank of the first relevant one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.anomaly_similarity.search.cases import UNKNOWN, Corpus, Floats
from services.anomaly_similarity.search.text import fold

RESAMPLES = 1_000  # of the bootstrap: the ends of a 95 % interval then rest on 25 resamples each
HIT = 5  # cases that an operator looks at

Doubles = NDArray[np.float64]
Numbers = NDArray[np.intp]
Judgements = NDArray[np.int8]
Interval = tuple[float, float, float]  # a mean, and the ends of its 95 % interval


@dataclass(frozen=True)
class Task:
    """Queries, by their place in the corpus, and what is known of each earlier case.

    `relevant` (queries, cases) is 1, 0, or `UNKNOWN` for what is not judged, not earlier, or not a candidate.
    `seen`: the folded text of the query was there before.
    """

    queries: Numbers
    relevant: Judgements
    seen: NDArray[np.bool_]

    def where(self, rows: NDArray[np.bool_]) -> Task:
        """Return the part of the queries that is chosen."""
        return Task(self.queries[rows], self.relevant[rows], self.seen[rows])


@dataclass(frozen=True)
class Judged:
    """The measures of each query (n,)."""

    first: Doubles
    hit: Doubles
    reciprocal: Doubles
    seen: NDArray[np.bool_]

    def where(self, chosen: NDArray[np.bool_]) -> Judged:
        """Return the part of the queries that is chosen."""
        return Judged(
            self.first[chosen], self.hit[chosen], self.reciprocal[chosen], self.seen[chosen]
        )


def judgeable(corpus: Corpus) -> Numbers:
    """Return the places of the cases of which some other one can be told to be relevant or not."""
    asked = {verdict.query_id for verdict in corpus.verdicts}
    labels = corpus.labels()
    known = [
        place
        for place, case in enumerate(corpus.cases)
        if labels[place] != UNKNOWN or case.anomaly_id in asked
    ]
    return np.array(known, np.intp)


def make_task(
    corpus: Corpus,
    queries: Numbers,
    *,
    cut: int | None = None,
    unjudged: int = UNKNOWN,
    answerable: bool = True,
) -> Task:
    """Return the task of these queries; those without a candidate are left out.

    `answerable`: those without a relevant one too.
    `cut`: only cases before this place are candidates; by default all that are earlier than the query.
    `unjudged` is what candidates count as of which nothing is known.
    """
    times = np.array([case.timestamp.timestamp() for case in corpus.cases])
    labels = corpus.labels()
    relevant = np.full((len(queries), len(corpus.cases)), unjudged, np.int8)
    for row, place in enumerate(queries.tolist()):
        if labels[place] != UNKNOWN:
            known = labels != UNKNOWN
            relevant[row, known] = labels[known] == labels[place]
    _apply_verdicts(corpus, queries, relevant)
    relevant[times[None, :] >= times[queries, None]] = UNKNOWN
    if cut is not None:
        relevant[:, cut:] = UNKNOWN
    kept = (relevant == 1).any(axis=1) if answerable else (relevant != UNKNOWN).any(axis=1)
    return Task(queries[kept], relevant[kept], _seen(corpus, queries[kept]))


def _apply_verdicts(corpus: Corpus, queries: Numbers, relevant: Judgements) -> None:
    rows = {corpus.cases[place].anomaly_id: row for row, place in enumerate(queries.tolist())}
    places = {case.anomaly_id: place for place, case in enumerate(corpus.cases)}
    for verdict in corpus.verdicts:
        row, place = rows.get(verdict.query_id), places.get(verdict.case_id)
        if row is not None and place is not None:
            relevant[row, place] = verdict.useful


def _seen(corpus: Corpus, queries: Numbers) -> NDArray[np.bool_]:
    first: dict[str, float] = {}
    for case in corpus.cases:
        first.setdefault(fold(case.description), case.timestamp.timestamp())
    asked = [corpus.cases[place] for place in queries.tolist()]
    found = [first[fold(case.description)] < case.timestamp.timestamp() for case in asked]
    return np.array(found, bool)


def judge(scores: Floats, task: Task) -> Judged:
    """Return the measures for scores (queries, cases); of equal scores the later case goes first."""
    ranks: Doubles = np.zeros(len(task.queries))
    for row, (line, relevant) in enumerate(zip(scores, task.relevant, strict=True)):
        candidates = np.flatnonzero(relevant != UNKNOWN)[::-1]
        order = np.argsort(-line[candidates], kind="stable")
        ranks[row] = np.flatnonzero(relevant[candidates[order]] == 1)[0] + 1
    return Judged(
        (ranks == 1).astype(np.float64),
        (ranks <= HIT).astype(np.float64),
        np.asarray(1 / ranks, np.float64),
        task.seen,
    )


def best_candidates(scores: Floats, task: Task, count: int) -> list[Numbers]:
    """Return for each query the places of its `count` best candidates, the best first."""
    found: list[Numbers] = []
    for line, relevant in zip(scores, task.relevant, strict=True):
        candidates = np.flatnonzero(relevant != UNKNOWN)[::-1]
        found.append(candidates[np.argsort(-line[candidates], kind="stable")[:count]])
    return found


def interval(values: Doubles, *, seed: int = 0) -> Interval:
    """Return the mean over queries and its 95 % bootstrap interval; NaN where there are none."""
    if not len(values):
        return float("nan"), float("nan"), float("nan")
    random = np.random.default_rng(seed)
    count = len(values)
    means = [values[random.integers(0, count, count)].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def random_scores(queries: int, cases: int) -> Floats:
    """Return scores that know nothing: the reference below all methods."""
    return np.random.default_rng(0).random((queries, cases), np.float32)
