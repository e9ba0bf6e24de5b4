"""Training: from a workspace's reactions to a published, judged and perhaps promoted model version."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed

import numpy as np

from services.database import Database
from services.model_store import Data, Draft, ModelStore
from services.recommendations.candidates import Candidate, compare_candidates, refit
from services.recommendations.datasets import Dataset, NotEnoughData, Split, split
from services.recommendations.evaluation import Interval, Measures, difference, users_to_judge_by
from services.recommendations.loading import MODEL
from services.recommendations.models import Fitted, Progress
from services.recommendations.promotion import Verdict, load_champion, promote, weigh
from services.recommendations.snapshots import load

Report = Callable[[str, float], None]  # takes what is being done, and the share of all that is done

WITHOUT_LIGHTFM = "LightFM is not installed (extra `train`), so popularity is the only model."


@dataclass(frozen=True)
class Row:
    """How a model did on the hold-out, and the seconds that fitting, tuning and judging it took."""

    model: str
    measures: Measures
    seconds: float


@dataclass(frozen=True)
class TrainingReport:
    """What came of a training.

    `advantage` is the chosen model's NDCG@10 minus popularity's, with its 95 % interval; `champion` is
    how the version that served before did, where that could be compared; `reason` is why the new one
    was promoted, or was not; `notes` are sentences that somebody should read.
    """

    rows: Sequence[Row]
    champion: Measures | None
    chosen: str
    version: str
    promoted: bool
    reason: str
    advantage: Interval
    protocol: str
    data: Data
    notes: Sequence[str]


async def train(
    database: Database,
    store: ModelStore,
    workspace: str,
    *,
    seed: int = 0,
    report: Report = lambda _stage, _share: None,
) -> TrainingReport:
    """Train on all reactions of the workspace, publish the better model, promote it if it passes the gate.

    The same reactions and the same seed give the same version. `report` is called from another thread.

    Raises:
        NotEnoughData: nothing can be learned or judged yet; whatever serves goes on.
        DatabaseUnavailable, StoreUnavailable: repeat it later.
    """
    report("reading", 0.0)
    async with database.reading(workspace) as connection:
        dataset = await load(connection, workspace)
    return await asyncio.to_thread(train_on, dataset, store, workspace, seed=seed, report=report)


def train_on(
    dataset: Dataset,
    store: ModelStore,
    workspace: str,
    *,
    seed: int = 0,
    report: Report = lambda _stage, _share: None,
) -> TrainingReport:
    """Train on a snapshot; see `train`."""
    parts = split(dataset.interactions)
    require_enough(dataset, parts)
    judging = _within(report, "fitting and judging", 0.1, 0.5)
    candidates = compare_candidates(dataset, parts, seed=seed, progress=judging)
    # The first of equals: what is simpler.
    best = max(candidates, key=lambda candidate: candidate.evaluation.measures.ndcg)
    advantage = difference(best.evaluation.ndcg, candidates[0].evaluation.ndcg)
    current = store.current(workspace, MODEL)
    champion = load_champion(store, workspace, current)
    verdict = weigh(best, candidates, champion, dataset, parts)
    fitting = _within(report, "fitting to everything", 0.5, 0.95)
    final = refit(best, dataset, seed=seed, progress=fitting)
    report("publishing", 0.95)
    draft = _draft(final, dataset, parts, candidates, advantage, verdict)
    manifest = store.publish(workspace, MODEL, arrays=final.arrays, manifest=draft)
    promoted, reason = promote(store, workspace, manifest.version, current, verdict)
    report("done", 1.0)
    return TrainingReport(
        rows=[Row(each.name, each.evaluation.measures, each.seconds) for each in candidates],
        champion=verdict.champion,
        chosen=best.name,
        version=manifest.version,
        promoted=promoted,
        reason=reason,
        advantage=advantage,
        protocol=parts.protocol,
        data=draft.data,
        notes=[] if len(candidates) > 1 else [WITHOUT_LIGHTFM],
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


def _draft(
    final: Fitted,
    dataset: Dataset,
    parts: Split,
    candidates: Sequence[Candidate],
    advantage: Interval,
    verdict: Verdict,
) -> Draft:
    return Draft(
        code_version=installed("akin"),
        data=_data(dataset),
        parameters=dict(final.parameters),
        serving=dict(final.serving),
        metrics={
            **{each.name: _plain(each.evaluation.measures) for each in candidates},
            "advantage_over_popularity": advantage,
            "champion": _plain(verdict.champion) if verdict.champion else None,
            "advantage_over_champion": verdict.advantage,
        },
        protocol={"split": parts.protocol, "interval": "95 % bootstrap, paired by user"},
    )


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


def _plain(measures: Measures) -> dict[str, float | None]:
    """Return the measures as JSON can hold them: there is no NaN in it."""
    return {name: None if math.isnan(value) else value for name, value in asdict(measures).items()}


def _within(report: Report, stage: str, start: float, end: float) -> Progress:
    return lambda share: report(stage, start + (end - start) * share)
