from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from services.recommendations.datasets import Interactions
from services.recommendations.exposure import auc_of_shown
from services.recommendations.scoring import History

ITEMS = 6


class Scores:
    """Everybody gets the same scores."""

    def __init__(self, *values: float) -> None:
        self._values = np.array(values, np.float32)
        self.popularity = self._values

    def score(self, histories: list[History]) -> NDArray[np.float32]:
        return np.tile(self._values, (len(histories), 1))


def later(*rows: tuple[int, int, float], users: int = 3) -> Interactions:
    told = sorted(rows)
    return Interactions(
        np.array([row[0] for row in told], np.int32),
        np.array([row[1] for row in told], np.int32),
        np.array([row[2] for row in told], np.float32),
        np.arange(len(told), dtype=np.float64),
        [f"user {n}" for n in range(users)],
    )


def auc(scores: Scores, holdout: Interactions) -> list[float]:
    users = np.arange(len(holdout.user_ids))
    return auc_of_shown(scores, later(users=len(users)), holdout, users).tolist()


def test_likes_above_what_was_passed_over_are_1_below_it_0_and_equal_ones_a_half() -> None:
    reactions = later((0, 0, 1.0), (0, 1, -1.0), (1, 1, 1.0), (1, 0, -0.3), (2, 2, 1.0), (2, 3, -1))
    assert auc(Scores(9, 1, 5, 5, 0, 0), reactions) == [1.0, 0.0, 0.5]


def test_it_is_the_share_of_pairs_in_the_right_order() -> None:
    reactions = later((0, 0, 1.0), (0, 1, 1.0), (0, 2, -1.0), (0, 3, -1.0), users=1)
    assert auc(Scores(4, 2, 3, 1, 0, 0), reactions) == [0.75]


def test_who_liked_all_or_nothing_says_nothing() -> None:
    reactions = later((0, 0, 1.0), (1, 0, -1.0))
    assert np.isnan(auc(Scores(*range(ITEMS)), reactions)).all()


def test_what_is_popular_gains_nothing_by_being_shown_to_all() -> None:
    """All are shown items 0 to 3, and like them by taste: popularity knows none of it."""
    reactions = later(
        *((u, i, 1.0 if i % 2 == u % 2 else -0.3) for u in range(4) for i in range(4)), users=4
    )
    popular = auc(Scores(5, 5, 5, 5, 0, 0), reactions)
    assert popular == pytest.approx([0.5] * 4)
