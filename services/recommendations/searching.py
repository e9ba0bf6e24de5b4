"""The search through the grids of all kinds of models, while there is time."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.recommendations.criteria import Criterion
from services.recommendations.datasets import Dataset, Split
from services.recommendations.grids import BASELINE, Choice, Model
from services.recommendations.models import Fitted, Progress, TooLarge, Unsuited
from services.recommendations.tuning import placed, tune

# People who choose: with fewer, a second point of a grid would be chosen by chance, and each kind is
# fitted once. It also makes the first training of a small installation a matter of seconds.
ENOUGH_FOR_A_GRID = 200
# Parameters with which the time of a fit grows at least in proportion.
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


@dataclass
class Best:
    """The best of a kind so far."""

    choice: Choice
    fitted: Fitted
    score: float | None
    trials: list[Trial] = field(default_factory=list)


def _effort(parameters: Mapping[str, Any]) -> float:
    """Return by what a fit's time grows, among fits of one kind to the same data."""
    return float(math.prod(parameters.get(name, 1) for name in EFFORT))


def _worded(parameters: Any) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in asdict(parameters).items()
    )


class Search:
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
        self._best: dict[str, Best] = {}

    def walk(
        self, kinds: Sequence[Model], *, deadline: float, progress: Progress
    ) -> dict[str, Best]:
        """Return the best of each kind, in the order of the kinds."""
        points = list(_in_turn(kinds, 1 if len(self._choosers) < ENOUGH_FOR_A_GRID else None))
        late = []
        for done, (model, parameters) in enumerate(points):
            if model.name != BASELINE and self._too_late(model.name, parameters, deadline):
                late.append(f"{model.name} ({_worded(parameters)})")
                continue
            self._try(model, parameters, partial(within, progress, done, len(points)))
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
            best = Best(Choice(model, parameters, serving), fitted, score)
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


def within(progress: Progress, done: int, total: int, share: float) -> None:
    """Tell the progress of the whole, of which `done` of `total` parts are complete and `share` of the next."""
    progress((done + share) / total)
