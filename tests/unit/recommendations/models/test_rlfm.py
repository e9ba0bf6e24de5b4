from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.recommendations.catalogue import Item
from services.recommendations.datasets import Dataset, from_columns
from services.recommendations.models import Unsuited, rlfm
from services.recommendations.scoring import History, Scorer, build_scorer

SMALL = rlfm.Parameters(dimensions=4, shrinkage=2.0)


def scorer_of(dataset: Dataset, parameters: rlfm.Parameters = SMALL) -> Scorer:
    fitted = rlfm.fit(dataset, parameters)
    scorer = build_scorer(fitted.arrays, fitted.serving)
    scorer.place(dataset.items, dataset.size)
    return scorer


def likes(*items: int) -> History:
    return History(np.array(items, np.int32), np.ones(len(items), np.float32))


def test_what_was_passed_over_lowers_what_is_like_it(passed_over: Dataset) -> None:
    skipped = History(np.array([1, 3, 5], np.int32), np.full(3, -0.3, np.float32))
    (row,) = scorer_of(passed_over).score([skipped])
    assert row[7::2].max() < row[8::2].min()


def test_a_new_item_is_what_its_genre_says(passed_over: Dataset) -> None:
    scorer = scorer_of(passed_over)
    scorer.place([Item(40, "x", genres=("even",)), Item(41, "y", genres=("odd",))], 42)
    even, odd = scorer.score([likes(0, 2, 4), likes(1, 3, 5)])
    assert even[40] > even[41]
    assert odd[41] > odd[40]


def test_an_item_that_was_hardly_shown_stays_near_its_genre(passed_over: Dataset) -> None:
    """One even person likes an odd item: for even people it still is an odd one."""
    told = passed_over.interactions
    once = from_columns(
        [*[told.user_ids[user] for user in told.users], told.user_ids[0]],
        [*told.items.tolist(), 40],
        [*told.weights.tolist(), 1.0],
        [*told.times.tolist(), 1.0],
    )
    items = [*passed_over.items, Item(40, "rare", genres=("odd",))]
    scorer = scorer_of(replace(passed_over, interactions=once, items=items))
    (even,) = scorer.score([likes(0, 2, 4)])
    assert even[40] < even[6:40:2].min()


def test_what_nobody_was_shown_is_not_taken_for_disliked(passed_over: Dataset) -> None:
    """An even item that was shown to a quarter of the people is as good as the others, but for shrinkage."""
    told = passed_over.interactions
    rare = (told.items == 6) & (told.users % 4 != 0)
    scorer = scorer_of(replace(passed_over, interactions=told.where(~rare)))
    (row,) = scorer.score([likes(0, 2, 4)])
    even, odd = row[8::2].mean(), row[9::2].mean()
    assert row[6] > even - 0.15 * (even - odd)


@pytest.mark.parametrize("weight", [1.0, -1.0])
def test_it_takes_likes_and_what_was_passed_over(checkerboard: Dataset, weight: float) -> None:
    told = checkerboard.interactions
    alike = replace(told, weights=np.full(len(told), weight, np.float32))
    with pytest.raises(Unsuited, match="likes and dislikes or skips"):
        rlfm.fit(checkerboard.only(alike))


def test_the_same_seed_gives_the_same_model_whatever_fits_into_memory_at_once(
    passed_over: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = rlfm.fit(passed_over, SMALL, seed=3)
    again = rlfm.fit(passed_over, SMALL, seed=3)
    assert all((one.arrays[name] == again.arrays[name]).all() for name in one.arrays)
    monkeypatch.setattr(rlfm, "SOLVED_AT_ONCE", 7)
    small = rlfm.fit(passed_over, SMALL, seed=3)
    assert np.allclose(one.arrays["factors"], small.arrays["factors"], atol=1e-4)


def test_without_features_it_learns_from_reactions_alone(passed_over: Dataset) -> None:
    plain = [replace(item, genres=()) for item in passed_over.items]
    (row,) = scorer_of(replace(passed_over, items=plain)).score([likes(0, 2, 4)])
    assert row[6::2].min() > row[7::2].max()
