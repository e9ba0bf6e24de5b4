"""Training: from a workspace's reactions to a published, judged and perhaps promoted model version."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version as installed

import numpy as np

from services.database import Database
from services.model_store import Data, Draft, ModelStore
from services.recommendations.candidates import BUDGET, Candidate, Comparison, compare, refit
from services.recommendations.datasets import Dataset, NotEnoughData, Split, split
from services.recommendations.evaluation import users_to_judge_by
from services.recommendations.feedback import DEFAULTS
from services.recommendations.gate import Gate, Verdict
from services.recommendations.loading import MODEL
from services.recommendations.models import Fitted, Progress
from services.recommendations.promotion import load_champion
from services.recommendations.report import render
from services.recommendations.snapshots import load
from services.recommendations.training_report import Row, TrainingReport, finite, plain

__all__ = ["Report", "Row", "TrainingReport", "train", "train_on"]

Report = Callable[[str, float], None]  # takes what is being done, and the share of all that is done


async def train(
    database: Database,
    store: ModelStore,
    workspace: str,
    *,
    seed: int = 0,
    report: Report = lambda _stage, _share: None,
    budget: float = BUDGET,
    half_life: float | None = None,
    strengths: Mapping[str, float] = DEFAULTS,
) -> TrainingReport:
    """Train on all reactions of the workspace, publish the best model, promote it if it passes the gate.

    `budget` is in seconds, to aim at: what it leaves no room for is named in the notes. `half_life` (reactions)
    replaces the search for how histories are weighted by recency; `strengths` are those of `feedback`.
    The same reactions and the same seed give the same version, if the budget cuts nothing. `report` is
    called from another thread.

    Raises:
        NotEnoughData: nothing can be learned or judged yet; whatever serves goes on.
        DatabaseUnavailable, StoreUnavailable: repeat it later.
    """
    report("reading", 0.0)
    async with database.reading(workspace) as connection:
        dataset = await load(connection, workspace, strengths=strengths)
    return await asyncio.to_thread(
        train_on,
        dataset,
        store,
        workspace,
        seed=seed,
        report=report,
        budget=budget,
        half_life=half_life,
    )


def train_on(
    dataset: Dataset,
    store: ModelStore,
    workspace: str,
    *,
    seed: int = 0,
    report: Report = lambda _stage, _share: None,
    budget: float = BUDGET,
    half_life: float | None = None,
) -> TrainingReport:
    """Train on a snapshot; see `train`."""
    parts = split(dataset.interactions)
    require_enough(dataset, parts)
    search = _within(report, "fitting and judging", 0.1, 0.7)
    comparison = compare(
        dataset, parts, seed=seed, progress=search, budget=budget, half_life=half_life
    )
    current = store.current(workspace, MODEL)
    champion = load_champion(store, workspace, current)
    best, verdict = Gate(dataset, parts, champion, seed=seed).choose(comparison)
    found = _found(dataset, parts, comparison, best, verdict)
    del comparison, parts, champion  # not needed to fit the best to everything
    fitting = _within(report, "fitting to everything", 0.7, 0.95)
    final = refit(best, dataset, seed=seed, progress=fitting)
    report("publishing", 0.95)
    version = publish(final, found, dataset, store, workspace, seed=seed)
    promoted, reason = store.succeed(
        workspace, MODEL, version, current, better=verdict.promote, reason=verdict.reason
    )
    report("done", 1.0)
    return replace(found, version=version, promoted=promoted, reason=reason)


def _found(
    dataset: Dataset, parts: Split, comparison: Comparison, best: Candidate, verdict: Verdict
) -> TrainingReport:
    """Return what there is to tell before anything is published."""
    return TrainingReport(
        rows=[Row.of(candidate) for candidate in comparison.candidates],
        champion=verdict.champion,
        champion_advantage=verdict.advantage,
        chosen=best.name,
        version="",
        promoted=verdict.promote,
        reason=verdict.reason,
        advantage=comparison.criterion.advantage(best.evaluation, comparison.baseline.evaluation),
        criterion=comparison.criterion,
        protocol=parts.protocol,
        choosers=comparison.choosers,
        judges=comparison.judges,
        data=_data(dataset),
        notes=comparison.notes,
    )


def require_enough(dataset: Dataset, parts: Split) -> None:
    """Raise `NotEnoughData` unless there is something to learn and something to judge by."""
    if not any(item.listed for item in dataset.items):
        raise NotEnoughData("The catalogue has no items: add some first.")
    if not len(dataset.interactions.liked):
        raise NotEnoughData("Nobody has liked anything yet.")
    if len(np.unique(dataset.interactions.users)) < 2:
        raise NotEnoughData("All reactions are from one person; it takes two to learn from.")
    if len(np.unique(parts.train.liked.items)) < 2:
        raise NotEnoughData("Fewer than two items have been liked; it takes two to rank.")
    if not len(users_to_judge_by(parts.holdout, dataset.items)):
        raise NotEnoughData("Nobody has liked a second item yet, so no model could be judged.")


def publish(
    final: Fitted,
    found: TrainingReport,
    dataset: Dataset,
    store: ModelStore,
    workspace: str,
    *,
    seed: int,
) -> str:
    """Publish the model with all that is known of it; return its version."""
    read_at = dataset.read_at.isoformat() if dataset.read_at else None
    draft = Draft(
        code_version=installed("akin"),
        data=found.data,
        parameters={**final.parameters, "seed": seed},
        serving=dict(final.serving),
        metrics={
            **{row.model: plain(row.measures) for row in found.rows},
            "advantage_over_popularity": finite(found.advantage),
            "champion": plain(found.champion) if found.champion else None,
            "advantage_over_champion": finite(found.champion_advantage),
        },
        protocol={
            "split": found.protocol,
            "choosers": found.choosers,
            "judges": found.judges,
            "interval": "95 % bootstrap, paired by user",
            "read_at": read_at,  # erasing.READ_AT: who was erased before is not in it
        },
    )
    files = render(found)
    return store.publish(workspace, MODEL, arrays=final.arrays, manifest=draft, files=files).version


def _data(dataset: Dataset) -> Data:
    rows = dataset.interactions
    return Data(
        start=datetime.fromtimestamp(rows.times.min(), UTC),
        end=datetime.fromtimestamp(rows.times.max(), UTC),
        rows=dataset.read,
        users=len(np.unique(rows.users)),
        items=len(np.unique(rows.items)),
        sha256=dataset.sha256,
    )


def _within(report: Report, stage: str, start: float, end: float) -> Progress:
    return lambda share: report(stage, start + (end - start) * share)
