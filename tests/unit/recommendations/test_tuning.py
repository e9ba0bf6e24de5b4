from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recommendations import tuning
from services.recommendations.criteria import NDCG
from services.recommendations.datasets import Dataset, split
from services.recommendations.models import Fitted, blend, ease, popularity
from services.recommendations.scorers.popularity import PopularityScorer
from services.recommendations.scoring import NOTHING, Floats, History


def test_who_chooses_does_not_judge(make_checkerboard: Callable[..., Dataset]) -> None:
    data = make_checkerboard(users=210)
    choosers, judges = tuning.choosers_and_judges(data, split(data.interactions))
    assert len(choosers) == pytest.approx(len(judges), abs=1)
    assert len(choosers) >= tuning.ENOUGH
    assert not set(choosers) & set(judges)


def test_few_people_all_judge(checkerboard: Dataset) -> None:
    choosers, judges = tuning.choosers_and_judges(checkerboard, split(checkerboard.interactions))
    assert (len(choosers), len(judges)) == (0, 40)


def test_each_parameter_is_chosen_with_the_others_as_they_were_found_best() -> None:
    tried: list[tuple[int, int]] = []

    def ndcg(fitted: Fitted) -> float:
        a, b = fitted.serving["a"], fitted.serving["b"]
        tried.append((a, b))
        return -float((a - 3) ** 2 + (b - 2) ** 2)

    start = Fitted({}, {"a": 1, "b": 1}, {})
    best, found = tuning.tune(start, {"a": (1, 3, 5), "b": (1, 2)}, ndcg)
    assert (best.serving, found) == ({"a": 3, "b": 2}, 0.0)
    assert tried == [(1, 1), (3, 1), (5, 1), (3, 2)]


def test_a_blend_of_models_is_at_least_as_good_as_what_is_in_it(checkerboard: Dataset) -> None:
    parts = split(checkerboard.interactions)
    train, users = checkerboard.only(parts.train), np.arange(40)
    fitted = {"als": popularity.fit(train), "ease": ease.fit(train)}
    weights, found = tuning.learn_weights(fitted, checkerboard, parts, users, NDCG)
    assert weights["ease"] > 0
    assert sum(weights.values()) == pytest.approx(1.0)
    joined = blend.join(fitted, weights)
    assert tuning.judge(joined, checkerboard, parts, users).measures.ndcg == pytest.approx(found)
    alone = tuning.judge(fitted["ease"], checkerboard, parts, users)
    assert found >= alone.measures.ndcg


def test_short_histories_are_the_end_of_long_ones_with_three_likes() -> None:
    weights = np.array([1, 1, -0.3, 1, -1, 1, -0.3], np.float32)
    history = History(np.arange(7, dtype=np.int32), weights)
    assert tuning.shortened(history).items.tolist() == [1, 2, 3, 4, 5, 6]
    few = History(history.items[5:], weights[5:])
    assert tuning.shortened(few).items.tolist() == [5, 6]
    assert len(tuning.shortened(NOTHING).items) == 0


class OfLongOnes(PopularityScorer):
    """Knows the colour that somebody likes from four likes on, and takes it for the other one before."""

    def score(self, histories: Sequence[History]) -> Floats:
        found = super().score(histories)
        for row, history in enumerate(histories):
            colour = (
                int(history.items[0]) % 2 if len(history.items) > 3 else 1 - history.items[0] % 2
            )
            found[row] = np.arange(found.shape[1]) % 2 == colour
        return found


def test_weights_for_short_histories_are_learned_from_short_ones(
    checkerboard: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = split(checkerboard.interactions)
    fitted = {"a": popularity.fit(checkerboard), "b": popularity.fit(checkerboard)}
    long_ones = OfLongOnes(fitted["a"].arrays)
    long_ones.place(checkerboard.items, checkerboard.size)
    scorers = {
        id(fitted["a"]): long_ones,
        id(fitted["b"]): tuning.placed(fitted["b"], checkerboard),
    }
    monkeypatch.setattr(tuning, "placed", lambda model, _: scorers[id(model)])
    learned = [
        tuning.learn_weights(fitted, checkerboard, parts, np.arange(40), NDCG, short=short)[0]
        for short in (False, True)
    ]
    assert [weights["a"] > 0 for weights in learned] == [True, False]


@given(st.sets(st.sampled_from(["als", "ease", "lightfm"]), min_size=1))
def test_shares_sum_to_one_and_the_model_of_new_items_always_has_one(names: set[str]) -> None:
    tried = list(tuning.shares(sorted(names)))
    assert len({tuple(sorted(each.items())) for each in tried}) == len(tried)
    for weights in tried:
        assert set(weights) == names
        assert sum(weights.values()) == pytest.approx(1.0)
        assert weights.get("lightfm", 1.0) > 0
