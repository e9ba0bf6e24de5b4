"""The models that training compares: each fitted to the earlier part and judged by the later one."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from services.recommendations.criteria import NDCG, Criterion, criterion_for
from services.recommendations.datasets import Dataset, Split
from services.recommendations.evaluation import Evaluation
from services.recommendations.grids import BASELINE, Choice, models
from services.recommendations.models import Fitted, Progress, blend
from services.recommendations.searching import Search, Trial, within
from services.recommendations.tuning import choosers_and_judges, judge, learn_weights

BUDGET = 900.0  # seconds for a whole training, unless told otherwise; aimed at, not enforced
SEARCH = (
    0.6  # share of the budget for the grids: the rest judges, and fits the best one to everything
)


@dataclass(frozen=True)
class Candidate:
    """The best of a kind: how to make it, and how it does for those who judge (`evaluation`).

    `chosen_by` is its score for those who choose; `seconds` is what all its trials and judging took.
    """

    name: str
    fitted: Fitted
    evaluation: Evaluation
    seconds: float
    choices: Mapping[str, Choice]  # one, or one for each part of a blend
    weights: Mapping[str, float] = field(default_factory=dict)  # of a blend …
    short_weights: Mapping[str, float] = field(default_factory=dict)  # … and for short histories
    chosen_by: float | None = None
    trials: Sequence[Trial] = ()

    def rank(self, criterion: Criterion) -> float:
        """By what the candidates are ordered: what chooses does not judge, where people suffice for both."""
        if self.chosen_by is not None:
            return self.chosen_by
        return float(getattr(self.evaluation.measures, criterion.measure))


@dataclass(frozen=True)
class Comparison:
    """All candidates, the simplest first; `notes` says what was left out and why."""

    candidates: list[Candidate]
    notes: list[str]
    choosers: int
    judges: int
    criterion: Criterion = NDCG

    @property
    def baseline(self) -> Candidate:
        """Popularity, which can always be trained."""
        return self.candidates[0]

    def best_first(self) -> list[Candidate]:
        """Return the candidates in the order of preference; of equals, what is simpler."""
        return sorted(self.candidates, key=lambda candidate: -candidate.rank(self.criterion))


def compare(
    dataset: Dataset,
    parts: Split,
    *,
    seed: int = 0,
    progress: Progress = lambda _: None,
    budget: float = BUDGET,
    half_life: float | None = None,
) -> Comparison:
    """Return the best of every kind of model that can be trained here within `budget` seconds, and a blend.

    `half_life` (reactions) replaces the search for how histories are weighted by recency.
    Holds one fitted model of each kind, and one more while it is being tried.
    """
    choosers, judges = choosers_and_judges(dataset, parts)
    kinds, notes = models()
    criterion = criterion_for(dataset, parts, choosers if len(choosers) else judges)
    search = Search(dataset, parts, choosers, criterion, seed=seed, half_life=half_life)
    best = search.walk(kinds, deadline=time.perf_counter() + SEARCH * budget, progress=progress)
    judged = partial(judge, dataset=dataset, split=parts, users=judges)
    candidates = []
    for name, found in best.items():
        started = time.perf_counter()
        evaluation = judged(found.fitted)
        spent = time.perf_counter() - started + sum(trial.seconds for trial in found.trials)
        candidates.append(
            Candidate(
                name,
                found.fitted,
                evaluation,
                spent,
                {name: found.choice},
                chosen_by=found.score,
                trials=found.trials,
            )
        )
    personal = [candidate for candidate in candidates if candidate.name != BASELINE]
    if len(choosers) and len(personal) > 1:
        candidates.append(_blend(personal, dataset, parts, choosers, judges, criterion))
    return Comparison(candidates, notes + search.notes, len(choosers), len(judges), criterion)


def _blend(
    personal: Sequence[Candidate],
    dataset: Dataset,
    parts: Split,
    choosers: NDArray[np.intp],
    judges: NDArray[np.intp],
    criterion: Criterion,
) -> Candidate:
    started = time.perf_counter()
    fitted = {candidate.name: candidate.fitted for candidate in personal}
    weights, score = learn_weights(fitted, dataset, parts, choosers, criterion)
    short, _ = learn_weights(fitted, dataset, parts, choosers, criterion, short=True)
    joined = blend.join(fitted, weights, short)
    learned = time.perf_counter() - started
    trial = Trial("blend", {}, {"weights": weights, "short_weights": short}, score, learned)
    evaluation = judge(joined, dataset, parts, judges)
    return Candidate(
        "blend",
        joined,
        evaluation,
        time.perf_counter() - started,
        {candidate.name: candidate.choices[candidate.name] for candidate in personal},
        weights,
        short,
        chosen_by=score,
        trials=[trial],
    )


def refit(best: Candidate, dataset: Dataset, *, seed: int, progress: Progress) -> Fitted:
    """Return the same model fitted to everything, made and served as was found best."""
    weights, short = best.weights, best.short_weights
    used = [name for name in best.choices if not weights or weights[name] + short[name] > 0]
    found = {}
    for done, name in enumerate(used):
        part = partial(within, progress, done, len(used))
        found[name] = best.choices[name].fit(dataset, seed=seed, progress=part)
    return blend.join(found, weights, short) if weights else found[best.name]
