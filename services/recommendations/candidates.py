"""The models that training compares: each fitted to the earlier part and judged by the later one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.recommendations.datasets import Dataset, Split
from services.recommendations.evaluation import Evaluation
from services.recommendations.models import Fitted, Progress, popularity
from services.recommendations.tuning import choosers_and_judges, judge, tune


@dataclass(frozen=True)
class Candidate:
    """A kind of model; `seconds` is what fitting, tuning and judging it took."""

    name: str
    fitted: Fitted
    evaluation: Evaluation
    seconds: float


def compare_candidates(
    dataset: Dataset, parts: Split, *, seed: int, progress: Progress
) -> list[Candidate]:
    """Return every kind of model that can be trained here, the simplest (popularity) first."""
    train = dataset.only(parts.train)
    choosers, judges = choosers_and_judges(dataset, parts)

    def candidate(name: str, fit: Callable[[], Fitted]) -> Candidate:
        started = time.perf_counter()
        fitted = fit()
        evaluation = judge(fitted, dataset, parts, judges)
        return Candidate(name, fitted, evaluation, time.perf_counter() - started)

    found = [candidate("popularity", lambda: popularity.fit(train))]
    lightfm = lightfm_or_none()
    if lightfm is None:
        return found

    def fit() -> Fitted:
        return tune(lightfm.fit(train, seed=seed, progress=progress), dataset, parts, choosers)

    return [*found, candidate("lightfm", fit)]


def refit(best: Candidate, dataset: Dataset, *, seed: int, progress: Progress) -> Fitted:
    """Return the same kind of model fitted to everything, its histories folded in as was found best."""
    if best.name == "popularity":
        return popularity.fit(dataset)
    lightfm = lightfm_or_none()
    fitted: Fitted = lightfm.fit(dataset, seed=seed, progress=progress)
    return fitted.serving_with(**{name: best.fitted.serving[name] for name in lightfm.FOLD_IN})


def lightfm_or_none() -> Any:
    """Return the module `models.lightfm`; None where LightFM, which needs a C compiler, is missing."""
    try:
        from services.recommendations.models import lightfm  # noqa: PLC0415 - the extra `train`
    except ImportError:
        return None
    return lightfm
