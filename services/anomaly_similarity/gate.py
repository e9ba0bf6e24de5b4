"""Whether a new version shall serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.anomaly_similarity.loading import MODEL
from services.anomaly_similarity.search.evaluation import Interval, interval
from services.anomaly_similarity.search.training import TrainingReport
from services.model_store import (
    AliasEntry,
    DamagedVersion,
    Manifest,
    ModelStore,
    UnknownVersion,
)


@dataclass(frozen=True)
class Verdict:
    """Whether to promote and why; `advantage` is the new one's reciprocal ranks minus the champion's."""

    promote: bool
    reason: str
    advantage: Interval | None = None


def champion_of(store: ModelStore, workspace: str, current: AliasEntry | None) -> Manifest | None:
    """Return what is known of the version that serves; None where there is none, or it is damaged."""
    if current is None:
        return None
    try:
        return store.manifest(workspace, MODEL, current.version)
    except (DamagedVersion, UnknownVersion):
        return None


def weigh(report: TrainingReport, champion: Manifest | None, *, epoch: int) -> Verdict:
    """Compare what was chosen with what the champion chose, both fitted to the same past.

    So neither has seen the queries that judge, as the champion itself, fitted to all, may have. It need not
    win: fitted to newer cases it knows more. It must not be clearly worse.
    """
    if champion is None:
        return Verdict(True, "It is the first model that can serve.")
    if champion.serving.get("epoch") != epoch:
        return Verdict(True, "The champion is from before a cleanup.")
    if not report.judged:
        return _unjudged(champion.metrics)
    if "champion" not in report.judged:
        return Verdict(True, "The methods of the champion could not be tried: it is not compared.")
    ours, theirs = report.judged["chosen"], report.judged["champion"]
    advantage = interval(ours.reciprocal - theirs.reciprocal)
    mean, low, high = advantage
    told = f"{mean:+.4f} MRR (95 % interval {low:+.4f} to {high:+.4f})"
    reason = f"Against what the champion chose: {told}, by {len(ours.reciprocal)} later queries."
    return Verdict(high >= 0, reason, advantage)


def _unjudged(champion: Mapping[str, Any]) -> Verdict:
    if (champion.get("evaluation") or {}).get("methods"):
        return Verdict(False, "Too few queries could judge it, and the champion was judged.")
    return Verdict(True, "Too few queries could judge, now as before; it knows newer cases.")
