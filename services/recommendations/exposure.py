"""Judging without the bias of what was shown.

People can like only what they came across. Where that was a list of popular items, their likes say that
popular items are liked, and a model that knows better looks no better by them (exposure bias; Chen et al.,
Bias and Debias in Recommender System, TOIS 2023). What they liked and what they passed over were both
shown: telling one from the other does not depend on what was shown.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.recommendations.datasets import Interactions
from services.recommendations.judged_lists import Doubles, Numbers, batch_of
from services.recommendations.scoring import Floats, Scorer


def auc_of_shown(
    scorer: Scorer, train: Interactions, holdout: Interactions, users: Numbers
) -> Doubles:
    """Return for each user the probability that a later like scores above a later dislike or skip.

    The area under the ROC curve, of equal scores half (Hanley, McNeil, 1982); NaN for who has not both.
    """
    found = np.full(len(users), np.nan)
    if not (holdout.weights < 0).any():
        return found
    batch = batch_of(len(scorer.popularity), train, users)
    for start in range(0, len(users), batch):
        some = users[start : start + batch]
        scores = scorer.score([train.history(user) for user in some])
        for row, user in enumerate(some, start):
            later = holdout.history(user)
            inside = later.items < scores.shape[1]
            found[row] = _auc(scores[row - start, later.items[inside]], later.weights[inside] > 0)
    return found


def _auc(scores: Floats, liked: NDArray[np.bool_]) -> float:
    likes, others = scores[liked], np.sort(scores[~liked])
    if not len(likes) or not len(others):
        return float("nan")
    below = np.searchsorted(others, likes, "left") + np.searchsorted(others, likes, "right")
    return float(below.mean() / (2 * len(others)))
