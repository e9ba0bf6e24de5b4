"""Judging models by a published protocol: those that can be trained on its data, or a stored version."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from services.model_store import LoadedVersion
from services.recommendations.candidates import BUDGET, Comparison, compare, refit
from services.recommendations.datasets import NotEnoughData, split
from services.recommendations.evaluation import TOP, Measures, users_to_judge_by
from services.recommendations.models import Progress, popularity
from services.recommendations.protocols import Protocol, Relevant, Task
from services.recommendations.scoring import load_scorer


@dataclass(frozen=True)
class Judged:
    """How a model did; `seconds` is what fitting (all of it, the search included) and judging took."""

    model: str
    measures: Measures
    seconds: float
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Findings:
    """What came of an evaluation.

    `chosen` is the model that the trainer would have taken, by data that the models are not judged by here;
    `notes` are sentences that somebody should read.
    """

    protocol: Protocol
    relevant: Relevant
    k: int
    sentence: str
    users: int
    learned_from: int  # interactions
    held_out: int
    rows: Sequence[Judged]
    chosen: str | None
    notes: Sequence[str]


def search(
    task: Task, *, seed: int = 0, budget: float = BUDGET, progress: Progress = lambda _: None
) -> Comparison:
    """Return the best of every kind of model, by the task's training part alone; see `judge_models`."""
    inner = split(task.parts.train)
    if not len(users_to_judge_by(inner.holdout, task.dataset.items)):
        raise NotEnoughData("What is left to learn from is too little to choose parameters by.")
    return compare(task.dataset, inner, seed=seed, progress=progress, budget=budget)


def judge_models(
    task: Task,
    *,
    k: int = TOP,
    seed: int = 0,
    budget: float = BUDGET,
    progress: Progress = lambda _: None,
) -> Findings:
    """Train every kind of model on the task's training part alone, as `akin train` would, and judge each.

    The training part is parted once more, in time, for all choices (parameters, blend); what was chosen is
    then fitted to the whole of it, and only then the held-out part is looked at. `budget` (seconds) is that of
    the search.

    Raises:
        NotEnoughData: the training part cannot be parted once more.
    """
    found = search(task, seed=seed, budget=budget, progress=partial(_within, progress, 0.0, 0.7))
    count = len(found.candidates)
    rows = []
    for place, candidate in enumerate(found.candidates):
        started = time.perf_counter()
        fitting = partial(
            _within, progress, 0.7 + 0.3 * place / count, 0.7 + 0.3 * (place + 1) / count
        )
        fitted = refit(candidate, task.dataset, seed=seed, progress=fitting)
        measures = task.judge_fitted(fitted, k=k).measures
        seconds = candidate.seconds + time.perf_counter() - started
        rows.append(
            Judged(candidate.name, measures, seconds, {**fitted.parameters, **fitted.serving})
        )
    best = found.best_first()[0]
    return _findings(task, k, rows, chosen=best.name, notes=found.notes)


def judge_version(task: Task, version: LoadedVersion, *, k: int = TOP) -> Findings:
    """Judge a stored version, and popularity as the training part has it, to compare with.

    Raises:
        NotEnoughData: the version's item numbers are not those of this catalogue.
        ValueError: this release cannot serve it.
    """
    manifest = version.manifest
    if manifest.serving.get("epoch") != task.dataset.epoch:
        raise NotEnoughData(
            f"{manifest.version} was trained before the last cleanup: its items are gone."
        )
    started = time.perf_counter()
    popular = task.judge_fitted(popularity.fit(task.dataset), k=k).measures
    rows = [Judged("popularity", popular, time.perf_counter() - started, {})]
    started = time.perf_counter()
    scorer = load_scorer(version)
    scorer.place(task.dataset.items, task.dataset.size)
    measures = task.judge(scorer, k=k).measures
    seconds = time.perf_counter() - started
    parameters = {**manifest.parameters, **manifest.serving}
    rows.append(Judged(manifest.version, measures, seconds, parameters))
    return _findings(task, k, rows, notes=_honest(task, version))


def _honest(task: Task, version: LoadedVersion) -> list[str]:
    """Say how much of what the version is judged by it may have been trained on."""
    end = version.manifest.data.end
    times = task.parts.holdout.times
    known = int((times <= end.timestamp()).sum()) if end else 0
    if not known:
        return ["The version was trained before anything happened by which it is judged here."]
    return [
        f"Not a fair figure: {version.manifest.version} was trained on reactions up to"
        f" {end:%Y-%m-%d %H:%M} UTC, and {known:,} of the {len(times):,} by which it is judged here"
        f" ({known / len(times):.0%}) are not later than that. It has probably seen them. Figures of models"
        " that have not: `akin train recommendations`, or `--ratings`."
    ]


def _findings(
    task: Task,
    k: int,
    rows: Sequence[Judged],
    *,
    chosen: str | None = None,
    notes: Sequence[str] = (),
) -> Findings:
    return Findings(
        protocol=task.protocol,
        relevant=task.relevant,
        k=k,
        sentence=task.sentence,
        users=len(task.users),
        learned_from=len(task.parts.train),
        held_out=int(np.isin(task.parts.holdout.users, task.users).sum()),
        rows=rows,
        chosen=chosen,
        notes=notes,
    )


def _within(progress: Progress, start: float, end: float, share: float) -> None:
    progress(start + (end - start) * share)
