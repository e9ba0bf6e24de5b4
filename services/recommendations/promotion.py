"""Whether a new version shall serve: the gate between training and people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.model_store import (
    AliasEntry,
    AliasMoved,
    DamagedVersion,
    LoadedVersion,
    ModelStore,
    UnknownVersion,
)
from services.recommendations.candidates import Candidate
from services.recommendations.datasets import Dataset, Split
from services.recommendations.evaluation import (
    Interval,
    Measures,
    difference,
    evaluate,
    users_to_judge_by,
)
from services.recommendations.loading import MODEL
from services.recommendations.scoring import Scorer, load_scorer
from services.recommendations.tuning import judge

# People with later likes that the champion has not learned from. With fewer there is no fair
# comparison: the champion was trained on the very likes by which it would be judged.
ENOUGH = 50


@dataclass(frozen=True)
class Verdict:
    """Whether to promote and why; how the champion did where it could be compared, and the NDCG@10 by
    which the new model is better.
    """

    promote: bool
    reason: str
    champion: Measures | None = None
    advantage: Interval | None = None


def load_champion(
    store: ModelStore, workspace: str, current: AliasEntry | None
) -> LoadedVersion | None:
    """Return the version that serves, or None when there is none or it is damaged."""
    if current is None:
        return None
    try:
        return store.load(workspace, MODEL, current.version)
    except (DamagedVersion, UnknownVersion):
        return None


def weigh(
    best: Candidate,
    candidates: Sequence[Candidate],
    champion: LoadedVersion | None,
    dataset: Dataset,
    parts: Split,
) -> Verdict:
    """Compare the best of the candidates with the champion, by what neither has learned from."""
    if champion is None:
        return Verdict(True, f"{best.name} is the first model that can serve.")
    if champion.manifest.serving.get("epoch") != dataset.epoch:
        return Verdict(True, "The champion is from before the last cleanup.")
    scorer = _placed(champion, dataset)
    if scorer is None:
        return Verdict(True, "The champion cannot be served by this release.")
    unseen = _since(parts, champion)
    people = len(users_to_judge_by(unseen.holdout, dataset.items))
    if people >= ENOUGH:
        return _compare(best, scorer, dataset, unseen)
    kinds = {candidate.fitted.serving["kind"] for candidate in candidates}
    if champion.manifest.serving["kind"] not in kinds:
        return Verdict(False, "A model of the champion's kind could not be trained here.")
    return Verdict(
        True,
        f"{best.name} is the best on the hold-out; only {people} people liked something since the"
        " champion was trained, too few to compare the two fairly.",
    )


def promote(
    store: ModelStore, workspace: str, version: str, current: AliasEntry | None, verdict: Verdict
) -> tuple[bool, str]:
    """Follow the verdict, if the champion still is `current`; return whether it was done, and why."""
    if current is not None and current.version == version:
        return False, "Nothing has changed: this version serves already."
    if not verdict.promote:
        return False, verdict.reason
    expected = current.generation if current else None
    try:
        store.promote(workspace, MODEL, version, expected=expected, reason=verdict.reason)
    except AliasMoved:
        return False, "Somebody else moved the alias meanwhile; what it names now stays."
    return True, verdict.reason


def _compare(best: Candidate, champion: Scorer, dataset: Dataset, unseen: Split) -> Verdict:
    theirs = evaluate(champion, dataset.items, unseen.train, unseen.holdout)
    ours = judge(best.fitted, dataset, unseen)
    advantage = difference(ours.ndcg, theirs.ndcg)
    reason = (
        f"NDCG@10 is {ours.measures.ndcg:.4f} against the champion's {theirs.measures.ndcg:.4f},"
        f" for what {ours.measures.users} people liked since that was trained."
    )
    return Verdict(advantage[0] >= 0, reason, theirs.measures, advantage)


def _since(parts: Split, champion: LoadedVersion) -> Split:
    end = champion.manifest.data.end
    later = parts.holdout.times > (end.timestamp() if end else float("-inf"))
    return Split(parts.train, parts.holdout.where(later), parts.protocol)


def _placed(champion: LoadedVersion, dataset: Dataset) -> Scorer | None:
    try:
        scorer = load_scorer(champion)
    except (ValueError, KeyError, TypeError):  # made by a later release, or an earlier one
        return None
    scorer.place(dataset.items, dataset.size)
    return scorer
