"""By what models are chosen and compared: what people found later, or what they made of what was shown to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from services.recommendations.datasets import Dataset, Interactions, Split
from services.recommendations.evaluation import Evaluation, Interval, difference, ndcg_of
from services.recommendations.exposure import auc_of_shown
from services.recommendations.judged_lists import Doubles, Numbers
from services.recommendations.scoring import Scorer

MOSTLY = 0.5  # share of the reactions that answer a list, from which on lists made most of the data
ENOUGH = 10  # people who liked one thing and passed over another: each of them has many pairs to tell apart


@dataclass(frozen=True, slots=True)
class Criterion:
    """A measure of `Measures`, by its name there and as it is told; more is better."""

    measure: Literal["ndcg", "auc_of_shown"]
    name: str

    def by_user(self, found: Evaluation) -> Doubles:
        """Return the measure for each user, NaN for who cannot be judged by it."""
        return found.ndcg if self.measure == "ndcg" else found.auc

    def judges(self, later: Interactions, users: Numbers) -> Numbers:
        """Return those of the users who can be judged by it."""
        if self.measure == "ndcg":
            return users
        liked, passed = later.users[later.weights > 0], later.users[later.weights < 0]
        return np.intersect1d(np.intersect1d(liked, passed), users)

    def mean(self, scorer: Scorer, dataset: Dataset, parts: Split, users: Numbers) -> float:
        """Return the measure alone, over these users: for searches, which ask for it a thousand times."""
        if self.measure == "ndcg":
            return ndcg_of(scorer, dataset.items, parts.train, parts.holdout, users)
        found = auc_of_shown(scorer, parts.train, parts.holdout, users)
        found = found[np.isfinite(found)]
        return float(found.mean()) if len(found) else 0.0

    def advantage(self, ours: Evaluation, theirs: Evaluation) -> Interval:
        """Return by how much the one is better, with the 95 % interval, paired by user."""
        one, other = self.by_user(ours), self.by_user(theirs)
        both = np.isfinite(one) & np.isfinite(other)
        return difference(one[both], other[both])


NDCG = Criterion("ndcg", "NDCG@10")
SHOWN = Criterion("auc_of_shown", "AUC of what was shown")


def criterion_for(dataset: Dataset, parts: Split, users: Numbers) -> Criterion:
    """Return what to choose by, given the people who will choose.

    Where people found what they like by themselves, a model is good that finds it too: NDCG. Where lists
    showed it to them, NDCG praises who repeats those lists (`exposure`), so a model is good that tells
    what they liked from what they passed over. In a simulated year, where the truth is known, the order of
    models by AUC was the order of how much of their lists is liked; that by NDCG was not.
    """
    both = SHOWN.judges(parts.holdout, users)
    return SHOWN if dataset.from_lists >= MOSTLY and len(both) >= ENOUGH else NDCG
