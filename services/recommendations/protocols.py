"""Published ways to judge recommenders, so that figures can be compared with the literature.

- `time`: one cut in time, the newest fifth to judge by; where fewer than 200 people have history on both
  sides, the newest fifth of each person instead (`datasets.split`). `time-each` and `time-global` fix which.
- `leave-last-out`: the last positive reaction of each person, ranked among all items.
- `ncf`: the same, ranked among 99 items that the person never reacted to, drawn evenly (He, Liao, Zhang,
  Nie, Hu, Chua: Neural Collaborative Filtering, 2017). Recall@k is then its HR@k. Sampled figures are far
  above unsampled ones, and do not always order models alike (Krichene, Rendle, 2020).

`relevant` says what a person is taken to like:

- `liked`: what the reaction says (a rating above 2.5, a like, …); dislikes lower scores.
- `rated`: every reaction, a rating of half a star included, is a positive one of weight 1, in the history
  and as what is to be found. This is how the literature makes implicit feedback of ratings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from services.recommendations.datasets import (
    Dataset,
    Interactions,
    NotEnoughData,
    Split,
    rated,
    split,
    split_at_one_moment,
    split_each_user,
    split_last_out,
)
from services.recommendations.evaluation import (
    TOP,
    Evaluation,
    evaluate,
    users_to_judge_by,
)
from services.recommendations.judged_lists import Numbers
from services.recommendations.models import Fitted
from services.recommendations.scoring import Scorer, build_scorer

Protocol = Literal["time", "time-each", "time-global", "leave-last-out", "ncf"]
Relevant = Literal["liked", "rated"]

NEGATIVES = 99  # of `ncf`, as in the paper
SPLITS: Mapping[Protocol, Callable[[Interactions], Split]] = {
    "time": split,
    "time-each": split_each_user,
    "time-global": split_at_one_moment,
    "leave-last-out": split_last_out,
    "ncf": split_last_out,
}


@dataclass(frozen=True)
class Task:
    """What is asked of a model: to learn from `dataset`, and for `users` to find what is in `parts.holdout`.

    `dataset` has the interactions of `parts.train` and the whole catalogue. `among` (users, 100) are the
    items to rank, in a random order; None: all.
    """

    protocol: Protocol
    relevant: Relevant
    dataset: Dataset
    parts: Split
    users: Numbers
    among: Numbers | None

    @property
    def sentence(self) -> str:
        """What the figures rest on."""
        ranked = f"{NEGATIVES} sampled others" if self.among is not None else "all items"
        meaning = "every reaction" if self.relevant == "rated" else "what was liked"
        return f"Held out: {self.parts.protocol}; to find: {meaning}, among {ranked}."

    def judge(self, scorer: Scorer, *, k: int = TOP) -> Evaluation:
        """Return how well a scorer, in which the items are placed, does."""
        return evaluate(
            scorer,
            self.dataset.items,
            self.parts.train,
            self.parts.holdout,
            users=self.users,
            k=k,
            among=self.among,
        )

    def judge_fitted(self, fitted: Fitted, *, k: int = TOP) -> Evaluation:
        """Return how well a fitted model does."""
        scorer = build_scorer(fitted.arrays, fitted.serving)
        scorer.place(self.dataset.items, self.dataset.size)
        return self.judge(scorer, k=k)


def make_task(
    dataset: Dataset, protocol: Protocol, *, relevant: Relevant = "liked", seed: int = 0
) -> Task:
    """Part the data as the protocol says; `seed` draws the negatives of `ncf`.

    Raises:
        NotEnoughData: nobody is left to judge by, or nothing to learn from.
    """
    told = rated(dataset.interactions) if relevant == "rated" else dataset.interactions
    parts = SPLITS[protocol](told)
    users = users_to_judge_by(parts.holdout, dataset.items)
    if not len(users) or len(np.unique(parts.train.liked.items)) < 2:
        raise NotEnoughData(
            f"The protocol {protocol} leaves nobody to judge by, or nothing to learn from: "
            "it takes people with two reactions or more, and two items that were liked."
        )
    among = _with_negatives(dataset, told, parts, users, seed) if protocol == "ncf" else None
    # What the models see is numbered as the whole catalogue is, whatever is in their part of the data.
    return Task(protocol, relevant, dataset.only(parts.train), parts, users, among)


def _with_negatives(
    dataset: Dataset, told: Interactions, parts: Split, users: Numbers, seed: int
) -> Numbers:
    """Return (users, 100): each one's item to find and the others, in an order that gives nothing away."""
    random = np.random.default_rng(seed)
    listed = np.array([i.number for i in dataset.items if i.listed and not i.hidden])
    among = np.zeros((len(users), NEGATIVES + 1), np.intp)
    for row, user in enumerate(users.tolist()):
        others = np.setdiff1d(listed, told.history(user).items)
        if len(others) < NEGATIVES:
            raise NotEnoughData(
                f"The protocol ncf needs {NEGATIVES} items that a person never reacted to; "
                f"'{told.user_ids[user]}' leaves {len(others)}."
            )
        drawn = random.choice(others, NEGATIVES, replace=False)
        found = parts.holdout.history(user).items
        among[row] = random.permutation(np.concatenate([found, drawn]))
    return among
