from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from services.recommendations.candidates import compare
from services.recommendations.criteria import NDCG, SHOWN, criterion_for
from services.recommendations.datasets import Dataset, split_each_user
from services.recommendations.evaluation import evaluate
from services.recommendations.models import ease
from services.recommendations.tuning import placed
from tests.unit.recommendations.conftest import with_passed_over

EVERYBODY = np.arange(40)


def test_models_are_chosen_by_what_was_shown_where_lists_made_most_of_the_data(
    make_checkerboard: Callable[..., Dataset],
) -> None:
    plain = make_checkerboard(users=120)
    board, everybody = with_passed_over(plain), np.arange(120)
    parts = split_each_user(board.interactions)
    assert criterion_for(board, parts, everybody) is SHOWN
    assert criterion_for(replace(board, from_lists=0.4), parts, everybody) is NDCG
    assert criterion_for(board, parts, everybody[:9]) is NDCG  # too few people
    only_likes = replace(plain, from_lists=1.0)
    assert criterion_for(only_likes, split_each_user(only_likes.interactions), everybody) is NDCG


def test_the_mean_for_a_search_is_that_of_the_evaluation(passed_over: Dataset) -> None:
    parts = split_each_user(passed_over.interactions)
    scorer = placed(ease.fit(passed_over.only(parts.train)), passed_over)
    whole = evaluate(scorer, passed_over.items, parts.train, parts.holdout, users=EVERYBODY)
    for criterion in (NDCG, SHOWN):
        found = criterion.mean(scorer, passed_over, parts, EVERYBODY)
        assert found == pytest.approx(getattr(whole.measures, criterion.measure))
        assert np.nanmean(criterion.by_user(whole)) == pytest.approx(found)
        assert criterion.advantage(whole, whole) == (0, 0, 0)


def test_with_it_the_model_is_taken_that_tells_likes_from_what_was_passed_over(
    make_checkerboard: Callable[..., Dataset],
) -> None:
    """The grid is walked by AUC, and the order of the kinds is that of their AUC."""
    board = with_passed_over(make_checkerboard(users=120))
    comparison = compare(board, split_each_user(board.interactions))
    assert comparison.criterion is SHOWN
    assert {"popularity", "rlfm", "blend"} <= {each.name for each in comparison.candidates}
    first = comparison.best_first()[0]
    assert first.chosen_by == max(each.chosen_by or 0 for each in comparison.candidates)
    assert first.evaluation.measures.auc_of_shown > 0.95
    assert comparison.baseline.evaluation.measures.auc_of_shown < 0.7
