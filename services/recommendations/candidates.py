"""The models that training compares: each fitted to the earlier part and judged by the later one."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.recommendations.criteria import NDCG, Criterion, criterion_for
from services.recommendations.datasets import Dataset, Split
from services.recommendations.evaluation import Evaluation
from services.recommendations.grids import BASELINE, Choice, Model, models
from services.recommendations.models import Fitted, Progress, TooLarge, Unsuited, blend
from services.recommendations.tuning import choosers_and_judges, judge, learn_weights, placed, tune

BUDGET = 900.0  # seconds for a whole training, unless told otherwise; aimed at, not enforced
SEARCH = (
    0.6  # share of the budget for the grids: the rest judges, and fits the best one to everything
)
# People who choose: with fewer, a second point of a grid would be chosen by chance, and each kind is
# fitted once. It also makes the first training of a small installation a matter of seconds.
ENOUGH_FOR_A_GRID = 200
# Parameters to which the time of a fit is proportional.
EFFORT = ("dimensions", "epochs", "iterations")


@dataclass(frozen=True)
class Trial:
    """One point of a grid: `serving` is what was found best for it, by the `score` for those who choose.

    `score` is None where people are too few to choose; `seconds` are those of fitting and tuning.
    """

    model: str
    parameters: Mapping[str, Any]
    serving: Mapping[str, Any]
    score: float | None  # by the comparison's criterion
    seconds: float


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


@dataclass
class _Best:
    """The best of a kind so far."""

    choice: Choice
    fitted: Fitted
    score: float | None
    trials: list[Trial] = field(default_factory=list)


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
    search = _Search(dataset, parts, choosers, criterion, seed=seed, half_life=half_life)
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
        within = partial(_within, progress, done, len(used))
        found[name] = best.choices[name].fit(dataset, seed=seed, progress=within)
    return blend.join(found, weights, short) if weights else found[best.name]


def _effort(parameters: Mapping[str, Any]) -> float:
    """Return by what a fit's time grows, among fits of one kind to the same data."""
    return float(math.prod(parameters.get(name, 1) for name in EFFORT))


def _worded(parameters: Any) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in asdict(parameters).items()
    )


class _Search:
    """Walks the grids: the first point of every kind, then the second ones, while there is time."""

    def __init__(
        self,
        dataset: Dataset,
        parts: Split,
        choosers: NDArray[np.intp],
        criterion: Criterion,
        *,
        seed: int,
        half_life: float | None,
    ) -> None:
        self.notes: list[str] = []
        self._dataset, self._parts, self._choosers = dataset, parts, choosers
        self._criterion = criterion
        self._train = dataset.only(parts.train)
        self._seed, self._half_life = seed, half_life
        self._best: dict[str, _Best] = {}

    def walk(
        self, kinds: Sequence[Model], *, deadline: float, progress: Progress
    ) -> dict[str, _Best]:
        """Return the best of each kind, in the order of the kinds."""
        points = list(_in_turn(kinds, 1 if len(self._choosers) < ENOUGH_FOR_A_GRID else None))
        late = []
        for done, (model, parameters) in enumerate(points):
            if model.name != BASELINE and self._too_late(model.name, parameters, deadline):
                late.append(f"{model.name} ({_worded(parameters)})")
                continue
            self._try(model, parameters, partial(_within, progress, done, len(points)))
        if late:
            self.notes.append(f"The time budget left no room for: {'; '.join(late)}.")
        return {kind.name: self._best[kind.name] for kind in kinds if kind.name in self._best}

    def _too_late(self, name: str, parameters: Any, deadline: float) -> bool:
        """Tell whether one more of the kind would end too late, by those before it; of a first one nobody knows."""
        before = self._best.get(name)
        effort = _effort(asdict(parameters))
        seconds = (
            trial.seconds * effort / _effort(trial.parameters)
            for trial in (before.trials if before else ())
        )
        return time.perf_counter() + max(seconds, default=0.0) > deadline

    def _try(self, model: Model, parameters: Any, progress: Progress) -> None:
        started = time.perf_counter()
        try:
            fitted = model.fit(self._train, parameters, seed=self._seed, progress=progress)
        except (TooLarge, Unsuited) as error:
            if str(error) not in self.notes:
                self.notes.append(str(error))
            return
        grid = dict(model.serving)
        given = {}
        if self._half_life is not None and "half_life" in grid:
            given = {"half_life": self._half_life}
            del grid["half_life"]
        fitted, score = fitted.serving_with(**given), None
        if len(self._choosers):
            fitted, score = tune(fitted, grid, self._judged)
        serving = {name: fitted.serving[name] for name in [*grid, *given]}
        seconds = time.perf_counter() - started
        trial = Trial(model.name, dict(fitted.parameters), serving, score, seconds)
        best = self._best.get(model.name)
        trials = [*best.trials, trial] if best else [trial]
        if best is None or (score or 0.0) > (best.score or 0.0):
            best = _Best(Choice(model, parameters, serving), fitted, score)
        best.trials = trials
        self._best[model.name] = best

    def _judged(self, fitted: Fitted) -> float:
        scorer = placed(fitted, self._dataset)
        return self._criterion.mean(scorer, self._dataset, self._parts, self._choosers)


def _in_turn(kinds: Sequence[Model], most: int | None) -> Iterator[tuple[Model, Any]]:
    longest = max(len(kind.parameters) for kind in kinds)
    for turn in range(longest if most is None else most):
        for kind in kinds:
            if turn < len(kind.parameters):
                yield kind, kind.parameters[turn]


def _within(progress: Progress, done: int, total: int, share: float) -> None:
    progress((done + share) / total)
