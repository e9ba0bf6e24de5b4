from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from services.recommendations.catalogue import Item
from services.recommendations.datasets import Dataset
from services.recommendations.models import Fitted, lightfm
from services.recommendations.models.lightfm import Parameters
from services.recommendations.scoring import History, Scorer, build_scorer, features_of

SMALL = Parameters(dimensions=16, epochs=20)


@pytest.fixture
def fitted(checkerboard: Dataset) -> Fitted:
    return lightfm.fit(checkerboard, SMALL)


def placed(fitted: Fitted, dataset: Dataset) -> Scorer:
    scorer = build_scorer(fitted.arrays, fitted.serving)
    scorer.place(dataset.items, dataset.size)
    return scorer


def likes(*items: int) -> History:
    return History(np.array(items, np.int32), np.ones(len(items), np.float32))


def test_people_get_the_colour_of_the_board_that_they_like(
    fitted: Fitted, checkerboard: Dataset
) -> None:
    histories = [checkerboard.interactions.history(user) for user in range(40)]
    scores = placed(fitted, checkerboard).score(histories)
    for user, (history, row) in enumerate(zip(histories, scores, strict=True)):
        row[history.items] = -np.inf
        best = np.argsort(-row)[:5]
        parity = int(checkerboard.interactions.user_ids[user][-1]) % 2
        assert (best % 2 == parity).all(), user


def test_somebody_who_was_never_seen_gets_it_after_two_likes(
    fitted: Fitted, checkerboard: Dataset
) -> None:
    even, odd = placed(fitted, checkerboard).score([likes(0, 2), likes(1, 3)])
    assert set(np.argsort(-even)[:8] % 2) == {0}
    assert set(np.argsort(-odd)[:8] % 2) == {1}


def test_an_item_that_nobody_has_seen_is_known_by_its_genre(
    fitted: Fitted, checkerboard: Dataset
) -> None:
    scorer = placed(fitted, checkerboard)
    scorer.place([Item(40, "x", genres=("even",)), Item(41, "y", genres=("odd",))], 42)
    even, odd = scorer.score([likes(0, 2, 4), likes(1, 3, 5)])
    assert even[40] > even[41]
    assert odd[41] > odd[40]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(checkerboard: Dataset) -> None:
    one, same, other = (lightfm.fit(checkerboard, SMALL, seed=seed) for seed in (1, 1, 2))
    assert {k: v.tobytes() for k, v in one.arrays.items()} == {
        k: v.tobytes() for k, v in same.arrays.items()
    }
    assert one.serving == same.serving
    assert one.arrays["factors"].tobytes() != other.arrays["factors"].tobytes()


def test_what_two_items_share_is_in_both_their_embeddings(checkerboard: Dataset) -> None:
    """With a feature's weight far above the item's own, items of one genre are nearly the same."""
    arrays = lightfm.fit(checkerboard, replace(SMALL, feature_weight=20.0)).arrays
    factors, features = arrays["factors"], arrays["feature_factors"]
    assert (factors.shape, features.shape) == ((40, 16), (2, 16))
    for number in range(40):
        distances = np.linalg.norm(features - factors[number], axis=1)
        assert distances.argmin() == number % 2  # even comes before odd


def test_items_without_features_are_learned_by_themselves(checkerboard: Dataset) -> None:
    plain = replace(checkerboard, items=[Item(n, str(n)) for n in range(40)])
    fitted = lightfm.fit(plain, SMALL)
    assert fitted.arrays["feature_factors"].shape == (0, 16)
    assert np.isfinite(placed(fitted, plain).score([likes(0), likes()])).all()


def test_dislikes_teach_nothing_and_what_was_only_disliked_is_new(checkerboard: Dataset) -> None:
    told = checkerboard.interactions
    weights = np.where(told.items == 7, np.float32(-1), told.weights)
    fitted = lightfm.fit(checkerboard.only(replace(told, weights=weights)), SMALL)
    assert 7 not in fitted.arrays["numbers"]
    assert len(fitted.arrays["numbers"]) == 39


def test_features_of_one_item_alone_are_left_out(
    make_checkerboard: Callable[..., Dataset],
) -> None:
    data = make_checkerboard(items=8)
    items = [replace(item, labels={"year": "1999", "sku": item.item_id}) for item in data.items]
    fitted = lightfm.fit(replace(data, items=items), SMALL)
    assert len(features_of(items[0])) == 3
    assert len(fitted.arrays["feature_biases"]) == 3  # even, odd, 1999


def test_progress_is_told_epoch_by_epoch(checkerboard: Dataset) -> None:
    told: list[float] = []
    lightfm.fit(checkerboard, Parameters(dimensions=4, epochs=4), progress=told.append)
    assert told == [0.25, 0.5, 0.75, 1.0]
