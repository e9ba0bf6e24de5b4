"""Whether a new version shall serve: the gate between training and people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.model_store import (
    LoadedVersion,
)
from services.recommendations.candidates import Candidate, Comparison, refit
from services.recommendations.criteria import NDCG, SHOWN, Criterion
from services.recommendations.datasets import Dataset, Split
from services.recommendations.evaluation import (
    COLD_HISTORY,
    Evaluation,
    Interval,
    Measures,
    difference,
    evaluate,
    users_to_judge_by,
)
from services.recommendations.grids import BASELINE
from services.recommendations.models import TooLarge, Unsuited
from services.recommendations.scoring import Scorer, load_scorer
from services.recommendations.tuning import judge

# People with later likes that the champion has not learned from. With fewer there is no fair
# comparison: the champion was trained on the very likes by which it would be judged. Nor do fewer
# people tell by an interval whether a model is better than popularity.
ENOUGH = 50
FEWEST = 10  # people by whom anything is compared at all
COLLAPSED = 0.5  # of the coverage, or of the order of new items, that there was before


@dataclass(frozen=True)
class Verdict:
    """Whether to promote and why; how the champion did where it could be compared, and the NDCG@10 by
    which the new model is better.
    """

    promote: bool
    reason: str
    champion: Measures | None = None
    advantage: Interval | None = None


class Gate:
    """What stands between a snapshot's candidates and the people of its workspace."""

    def __init__(
        self, dataset: Dataset, parts: Split, champion: LoadedVersion | None, *, seed: int
    ) -> None:
        self._dataset = dataset
        self._parts = parts
        self._champion = champion
        self._seed = seed

    def choose(self, comparison: Comparison) -> tuple[Candidate, Verdict]:
        """Return the best candidate that passes; where none does, the best of all and why it fails.

        Popularity is asked last: whatever passes is better than it.
        """
        ranked = sorted(comparison.best_first(), key=lambda each: each.name == BASELINE)
        verdicts = []
        for candidate in ranked:
            verdict = self.weigh(candidate, comparison)
            if verdict.promote:
                return candidate, verdict
            verdicts.append(verdict)
        return ranked[0], verdicts[0]

    def weigh(self, candidate: Candidate, comparison: Comparison) -> Verdict:
        """Compare a candidate with popularity, and with the champion by what neither has learned from."""
        objection = self._against_popularity(candidate, comparison)
        if objection:
            return Verdict(False, objection)
        champion = self._champion
        if champion is None:
            return Verdict(True, f"{candidate.name} is the first model that can serve.")
        scorer = _placed(champion, self._dataset)
        if scorer is None:
            return Verdict(
                True, "The champion cannot be served any more: another cleanup or release."
            )
        if champion.manifest.data.sha256 == self._dataset.sha256:
            return _on_the_same_data(candidate, champion, comparison.criterion)
        return self._by_what_came_since(candidate, comparison, champion, scorer)

    def _by_what_came_since(
        self,
        candidate: Candidate,
        comparison: Comparison,
        champion: LoadedVersion,
        scorer: Scorer,
    ) -> Verdict:
        criterion = comparison.criterion
        unseen = _since(self._dataset, champion)
        later = users_to_judge_by(unseen.holdout, self._dataset.items)
        # Not those who chose the parameters, nor those whom all models tell what is popular.
        judges = np.intersect1d(later, candidate.evaluation.users)
        judges = criterion.judges(unseen.holdout, judges)
        judges = judges[np.diff(unseen.train.starts)[judges] > 0]
        if len(judges) < ENOUGH:
            return _without_comparison(candidate, comparison, champion, len(judges))
        try:
            return self._compare(candidate, scorer, unseen, judges, criterion)
        except (Unsuited, TooLarge) as error:
            return Verdict(
                True,
                f"{candidate.name} is the best on the hold-out. It cannot be made from what there was before the"
                f" champion was trained, so that the two are not compared: {error}",
            )

    def _against_popularity(self, candidate: Candidate, comparison: Comparison) -> str | None:
        """Return what speaks for popularity instead: a model must find clearly more of what people liked,
        or tell clearly better what they liked from what they passed over (see `exposure`)."""
        if candidate.name == BASELINE:
            return None
        ours, theirs = candidate.evaluation, comparison.baseline.evaluation
        ndcg = NDCG.advantage(ours, theirs)
        if not _is_clear(ndcg, len(ours.users)):
            auc = SHOWN.advantage(ours, theirs)
            people = int(np.isfinite(ours.auc).sum())
            collapsed = ours.measures.ndcg < COLLAPSED * theirs.measures.ndcg
            if collapsed or people < FEWEST or not _is_clear(auc, people):
                of_shown = f", {_told(auc)} AUC of what was shown" if people else ""
                return (
                    f"{candidate.name} is not clearly better than popularity: {_told(ndcg)} NDCG@10"
                    f"{of_shown}."
                )
        return _objection(ours, theirs, self._parts, comparison.criterion, "popularity's")

    def _compare(
        self,
        candidate: Candidate,
        champion: Scorer,
        unseen: Split,
        judges: NDArray[np.intp],
        criterion: Criterion,
    ) -> Verdict:
        """Judge both by what came after the champion was trained.

        The candidate is fitted anew to all before that: fitted to less than the champion knows, it would
        lose by its age. It need not win: fitted to everything it knows more than both. It must not be
        clearly worse.
        """
        dataset = self._dataset
        theirs = evaluate(champion, dataset.items, unseen.train, unseen.holdout, users=judges)
        fitted = refit(
            candidate, dataset.only(unseen.train), seed=self._seed, progress=lambda _: None
        )
        ours = judge(fitted, dataset, unseen, judges)
        advantage = criterion.advantage(ours, theirs)
        high = advantage[2]
        reason = (
            f"{candidate.name} against the champion: {_told(advantage)} {criterion.name}, by what"
            f" {ours.measures.users} people did since that was trained."
        )
        objection = _objection(ours, theirs, unseen, criterion, "the champion's")
        if high >= 0 and objection:
            return Verdict(False, f"{reason} But {objection}", theirs.measures, advantage)
        return Verdict(high >= 0, reason, theirs.measures, advantage)


def _is_clear(found: Interval, people: int) -> bool:
    mean, low, _ = found
    return low > 0 if people >= ENOUGH else mean > 0


def _told(found: Interval) -> str:
    mean, low, high = found
    return f"{mean:+.4f} (95 % interval {low:+.4f} to {high:+.4f})"


def _on_the_same_data(
    candidate: Candidate, champion: LoadedVersion, criterion: Criterion
) -> Verdict:
    """Compare what both got on the same hold-out; the champion's figure stands in its manifest."""
    name = str(champion.manifest.parameters.get("model"))
    told = champion.manifest.metrics.get(name) or {}
    if told.get(criterion.measure) is None:
        criterion = NDCG  # an older release told no other
    theirs = told.get(criterion.measure)
    ours = float(getattr(candidate.evaluation.measures, criterion.measure))
    if theirs is None:
        return Verdict(True, "The champion has no figures to be compared by.")
    if ours > theirs:
        return Verdict(True, f"{candidate.name} is better than the champion on the same data.")
    return Verdict(
        False,
        f"The champion learned from the same data and has {criterion.name} {theirs:.4f} on the same hold-out,"
        f" {candidate.name} {ours:.4f}.",
    )


def _without_comparison(
    candidate: Candidate, comparison: Comparison, champion: LoadedVersion, people: int
) -> Verdict:
    names = {each.name for each in comparison.candidates}
    if champion.manifest.parameters.get("model") not in names:
        return Verdict(False, "A model of the champion's kind could not be trained here.")
    return Verdict(
        True,
        f"{candidate.name} is the best on the hold-out; {f'only {people}' if people else 'no'} people with a"
        " history liked something since the champion was trained, too few to compare the two fairly.",
    )


def _objection(
    ours: Evaluation, theirs: Evaluation, parts: Split, criterion: Criterion, whose: str
) -> str | None:
    """Return what speaks against a model that ranks well on the whole: coverage, and whoever is new."""
    new, old = ours.measures, theirs.measures
    if new.coverage < COLLAPSED * old.coverage:
        return f"its coverage {new.coverage:.3f} is less than half of {whose} {old.coverage:.3f}."
    cold = np.diff(parts.train.starts)[ours.users] <= COLD_HISTORY
    one, other = criterion.by_user(ours)[cold], criterion.by_user(theirs)[cold]
    judged = np.isfinite(one) & np.isfinite(other)
    mean, _, high = difference(one[judged], other[judged])
    if high < 0 and judged.sum() >= FEWEST:
        return (
            f"for people with at most {COLD_HISTORY} reactions it is clearly below {whose}"
            f" ({mean:+.4f} {criterion.name})."
        )
    # By what was shown, new items are judged with the others: people find none of them by themselves.
    found = criterion is NDCG and old.cold_items >= ENOUGH
    if found and new.cold_items_ndcg < COLLAPSED * old.cold_items_ndcg:
        return (
            f"among new items its NDCG@10 is {new.cold_items_ndcg:.4f}, less than half of"
            f" {whose} {old.cold_items_ndcg:.4f}."
        )
    return None


def _since(dataset: Dataset, champion: LoadedVersion) -> Split:
    """Part all interactions at the last one that the champion knows."""
    end = champion.manifest.data.end
    later = dataset.interactions.times > (end.timestamp() if end else float("-inf"))
    rows = dataset.interactions
    return Split(rows.where(~later), rows.where(later), "since the champion was trained")


def _placed(champion: LoadedVersion, dataset: Dataset) -> Scorer | None:
    if champion.manifest.serving.get("epoch") != dataset.epoch:
        return None
    try:
        scorer = load_scorer(champion)
    except (ValueError, KeyError, TypeError):  # made by a later release, or an earlier one
        return None
    scorer.place(dataset.items, dataset.size)
    return scorer
