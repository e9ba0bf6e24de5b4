from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.model_store import encode_strings
from services.recommendations.catalogue import Item
from services.recommendations.scorers.factors import FactorScorer
from services.recommendations.scorers.interface import Recency, spread_of
from services.recommendations.scorers.tiles import Tiles
from services.recommendations.scoring import (
    NOTHING,
    History,
    Scorer,
    build_scorer,
    features_of,
)

SERVING = {
    "kind": "factors",
    "implicit_weight": 0.0,
    "regularisation": 1.0,
    "scale": 1.0,
    "history": 3,
    "new_item_bias": -0.5,
}


def history(*pairs: tuple[int, float]) -> History:
    return History(
        np.array([number for number, _ in pairs], np.int32),
        np.array([weight for _, weight in pairs], np.float32),
    )


def arrays(**changes: Any) -> dict[str, NDArray[Any]]:
    """Items 0 and 2 point one way, item 5 the other; the feature 'genre:odd' points with item 5."""
    return {
        "numbers": np.array([0, 2, 5], np.int32),
        "factors": np.array([[1, 0], [1, 0], [0, 1]], np.float32),
        "biases": np.array([0.3, 0.2, 0.1], np.float32),
        "popularity": np.array([1, 2, 3], np.float32),
        **encode_strings(["genre:odd", "label:year:1995"], name="features"),
        "feature_factors": np.array([[0, 0.5], [0, 0.25]], np.float32),
        "feature_biases": np.array([0.05, 0.01], np.float32),
        **changes,
    }


def placed(size: int = 7, **serving: Any) -> Scorer:
    scorer = build_scorer(arrays(), {**SERVING, **serving})
    scorer.place([Item(number, str(number)) for number in range(size)], size)
    return scorer


def test_a_like_raises_similar_items_and_a_dislike_lowers_them() -> None:
    liked, disliked = placed().score([history((0, 1.0)), history((0, -1.0))])
    assert liked[2] > 0.2 > disliked[2]
    assert liked[5] == pytest.approx(disliked[5])


def test_an_empty_history_gets_popularity() -> None:
    scorer = placed()
    (scores,) = scorer.score([NOTHING])
    assert scores.tolist() == scorer.popularity.tolist() == [1, 0, 2, 0, 0, 3, 0]


def test_a_batch_scores_as_its_parts_alone() -> None:
    histories = [history((0, 1.0)), NOTHING, history((5, 1.0), (0, -0.3)), history((2, 0.3))]
    together = placed().score(histories)
    alone = np.vstack([placed().score([each]) for each in histories])
    assert np.allclose(together, alone, atol=1e-4)


def test_only_the_newest_reactions_count() -> None:
    old = history((5, 1.0), (0, 1.0), (2, 1.0), (0, 1.0))
    new = history((0, 1.0), (2, 1.0), (0, 1.0))
    assert np.allclose(placed().score([old]), placed().score([new]))


def test_items_that_are_not_placed_are_ignored_in_a_history() -> None:
    strange = history((99, 1.0), (-1, 1.0), (0, 1.0))
    assert np.allclose(placed().score([strange]), placed().score([history((0, 1.0))]))


def test_an_unseen_item_is_the_sum_of_its_features() -> None:
    scorer = placed()
    new = Item(6, "new", genres=("odd", "strange"), labels={"year": "1995"})
    scorer.place([new], 7)
    (scores,) = scorer.score([history((5, 1.0))])
    # The taste of (0, 1) by ridge with weight 1 is (0, 1/2).
    assert scores[6] == pytest.approx(0.5 * 0.75 - 0.5 + 0.06, abs=1e-3)
    assert scores[1] == pytest.approx(-0.5)


def test_scores_are_new_arrays_that_a_caller_may_change() -> None:
    for scorer in (placed(), _popularity()):
        scorer.score([NOTHING])[:] = -1
        assert scorer.popularity.max() == 3


def test_the_catalogue_grows_item_by_item() -> None:
    scorer = placed(6)
    for number in range(6, 60):
        scorer.place([Item(number, str(number), genres=("odd",))], number + 1)
        assert scorer.score([NOTHING]).shape == (1, number + 1)
    (scores,) = scorer.score([history((5, 1.0))])
    assert scores[59] > scores[1]


def test_a_smaller_size_shrinks_nothing() -> None:
    scorer = placed(7)
    scorer.place([], 3)
    assert scorer.score([NOTHING]).shape == (1, 7)


def test_no_histories_give_no_scores() -> None:
    assert placed().score([]).shape == (0, 7)


def test_popularity_is_the_same_for_everybody() -> None:
    scores = _popularity().score([NOTHING, history((0, 1.0))])
    assert scores.tolist() == [[1, 0, 2, 0, 0, 3, 0]] * 2


def test_features_are_genres_once_and_labels() -> None:
    item = Item(0, "a", genres=("Drama", "Drama", "War"), labels={"year": "1999"})
    assert features_of(item) == ["genre:Drama", "genre:War", "label:year:1999"]


@pytest.mark.parametrize(
    "changes",
    [
        {"numbers": np.array([2, 0, 5], np.int32)},
        {"numbers": np.array([-1, 0, 5], np.int32)},
        {"factors": np.ones((2, 2), np.float32)},
        {"factors": np.full((3, 2), np.nan, np.float32)},
        {"biases": np.ones(4, np.float32)},
        {"popularity": np.ones((3, 1), np.float32)},
        {"feature_factors": np.ones((2, 3), np.float32)},
        {"feature_biases": np.array([np.inf, 0], np.float32)},
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(changes: dict[str, NDArray[Any]]) -> None:
    with pytest.raises(ValueError, match=r"array|numbers"):
        build_scorer(arrays(**changes), SERVING)


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'neural'"):
        build_scorer(arrays(), {"kind": "neural"})


def _popularity() -> Scorer:
    scorer = build_scorer(arrays(), {"kind": "popularity"})
    scorer.place([Item(number, str(number)) for number in range(7)], 7)
    return scorer


def test_half_life_counts_in_reactions_from_the_newest() -> None:
    recency = Recency({"half_life": 2})
    assert recency.decay(3).tolist() == pytest.approx([0.5, 0.5**0.5, 1.0])
    assert len(recency.decay(1_000)) == 14  # older ones count less than a hundredth


def test_without_a_half_life_all_reactions_count_alike_within_the_bound() -> None:
    assert Recency({"half_life": None, "history": 4}).decay(9).tolist() == [1.0] * 4
    assert Recency({}).decay(2).tolist() == [1.0, 1.0]


@given(
    lengths=st.lists(st.integers(0, 30), max_size=5),
    half_life=st.none() | st.floats(0.1, 5),
    seed=st.integers(0, 100),
)
def test_histories_side_by_side_are_what_each_is_alone(
    lengths: list[int], half_life: float | None, seed: int
) -> None:
    random = np.random.default_rng(seed)
    told = [
        History(
            random.integers(-1, 12, length).astype(np.int32),
            random.uniform(-1, 1, length).astype(np.float32),
        )
        for length in lengths
    ]
    recency = Recency({"half_life": half_life, "history": 20})
    items, weights = recency.padded(told, 10)
    assert items.shape == weights.shape
    for row, each in enumerate(told):
        recent = recency.recent(each, 10)
        before = items.shape[1] - len(recent.items)
        assert items[row, before:].tolist() == recent.items.tolist()
        assert weights[row, before:] == pytest.approx(recent.weights)
        assert not weights[row, :before].any()


@given(
    weights=st.lists(st.floats(-1, 1, width=32), max_size=60),
    half_life=st.none() | st.floats(0.1, 100),
)
def test_recency_keeps_signs_and_never_makes_a_reaction_stronger(
    weights: list[float], half_life: float | None
) -> None:
    given = history(*enumerate(weights))
    found = Recency({"half_life": half_life}).recent(given, len(weights))
    newest = given.weights[len(given.weights) - len(found.weights) :]
    assert (np.abs(found.weights) <= np.abs(newest)).all()
    assert (found.weights * newest >= 0).all()
    if weights:
        assert found.weights[-1] == newest[-1]


def neighbours(**changes: Any) -> dict[str, NDArray[Any]]:
    """Item 0 leads to 2 and 5, item 2 away from 0; item 5 leads nowhere."""
    return {
        "numbers": np.array([0, 2, 5], np.int32),
        "popularity": np.array([1, 2, 3], np.float32),
        "starts": np.array([0, 2, 3, 3], np.int64),
        "targets": np.array([2, 5, 0], np.int32),
        "weights": np.array([0.5, 0.25, -0.125], np.float32),
        "precisions": np.array([4, 1, 1], np.float32),
        **changes,
    }


def test_neighbours_are_summed_by_the_weights_of_the_history() -> None:
    scorer = build_scorer(neighbours(), {"kind": "neighbours", "half_life": None})
    scorer.place([Item(number, str(number)) for number in range(7)], 7)
    (scores,) = scorer.score([history((0, 1.0), (2, -1.0), (5, 1.0), (6, 1.0))])
    assert scores.tolist() == [0.125, 0, 0.5, 0, 0, 0.25, 0]
    assert scorer.alike(0).tolist() == [1, 0, 0.25, 0, 0, 0.125, 0]
    assert scorer.contributions(history((2, -1.0), (0, 1.0)), [0, 5]).tolist() == [
        [0.125, 0],
        [0, 0.25],
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"starts": np.array([0, 2, 3], np.int64)},
        {"starts": np.array([0, 2, 1, 3], np.int64)},
        {"starts": np.array([0, 2, 3, 4], np.int64)},
        {"targets": np.array([2, 5], np.int32)},
        {"targets": np.array([-2, 5, 0], np.int32)},
        {"targets": np.array([2, 3, 0], np.int32)},
        {"weights": np.array([0.5, np.nan, 0], np.float32)},
        {"precisions": np.array([4, 0, 1], np.float32)},
    ],
)
def test_neighbours_that_do_not_fit_together_are_refused(changes: dict[str, NDArray[Any]]) -> None:
    with pytest.raises(ValueError, match=r"array|neighbours"):
        build_scorer(neighbours(**changes), {"kind": "neighbours"})


def blended(weights: dict[str, float]) -> Scorer:
    named = {f"a.{key}": array for key, array in arrays().items()}
    named |= {f"b.{key}": array for key, array in neighbours().items()}
    parts = {"a": SERVING, "b": {"kind": "neighbours"}}
    scorer = build_scorer(named, {"kind": "blend", "parts": parts, "weights": weights})
    scorer.place([Item(number, str(number)) for number in range(7)], 7)
    return scorer


def test_a_blend_adds_scores_in_units_of_their_own_spread() -> None:
    told = [history((0, 1.0), (5, -0.5))]
    one, other = (blended({"a": a, "b": 1 - a}).score(told)[0] for a in (1.0, 0.0))
    assert one.std() == pytest.approx(1.0, abs=1e-3)
    assert other.std() == pytest.approx(1.0, abs=1e-3)
    (half,) = blended({"a": 0.5, "b": 0.5}).score(told)
    assert half == pytest.approx(0.5 * one + 0.5 * other, abs=1e-3)


@given(
    sizes=st.lists(st.integers(1, 300), min_size=1, max_size=4),
    seed=st.integers(0, 1_000),
    width=st.integers(1, 40),
)
def test_a_product_in_tiles_is_the_product(sizes: list[int], seed: int, width: int) -> None:
    random = np.random.default_rng(seed)
    tiles, expected = Tiles(3), np.zeros((3, 0), np.float32)
    for size in sizes:
        tiles.grow(size)
        expected = np.pad(expected, ((0, 0), (0, max(0, size - expected.shape[1]))))
        numbers = random.choice(size, random.integers(0, size + 1), replace=False)
        columns = random.normal(size=(len(numbers), 3)).astype(np.float32)
        tiles.put(numbers, columns)
        expected[:, numbers] = columns.T
    vectors = random.normal(size=(width, 3)).astype(np.float32)
    found = tiles.product(vectors, expected.shape[1])
    assert found == pytest.approx(vectors @ expected, abs=1e-4)


def test_how_far_scores_are_spread_is_known_from_the_items_alone() -> None:
    """Items that change, are new or have no place are all in it."""
    scorer = build_scorer(arrays(), SERVING)
    assert isinstance(scorer, FactorScorer)
    histories = [history((0, 1.0), (5, -0.5)), history((2, 1.0)), NOTHING]
    for genres, size in (((), 6), (("odd",), 7), (("odd",), 300), ((), 9)):
        scorer.place([Item(number, str(number), genres=genres) for number in (0, 2, 3, 5)], size)
        weighed, spreads = scorer.weighed(histories, np.array([0.5, 1.0, 2.0], np.float32))
        scores = scorer.score(histories)
        assert spreads == pytest.approx(scores.std(axis=1), rel=1e-3)
        assert weighed == pytest.approx(
            np.array([[0.5], [1.0], [2.0]]) * scores / spreads[:, None], rel=1e-3, abs=1e-6
        )


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=50), st.floats(0, 10))
def test_a_spread_is_the_standard_deviation_unless_it_is_rounding(
    scores: list[float], offset: float
) -> None:
    row = np.array([scores], np.float32) + np.float32(offset)
    size = np.sqrt((row.astype(np.float64) ** 2).mean())
    expected = row.astype(np.float64).std()
    found = float(spread_of(row)[0])
    assert found > 0
    assert abs(found - expected) <= 2e-3 * size + 1e-9


def test_a_blend_needs_a_weight_for_each_part_and_parts_that_are_none() -> None:
    with pytest.raises(ValueError, match="no weight"):
        blended({"a": 1.0})
    inner = {"kind": "blend", "parts": {"c": {"kind": "blend"}}, "weights": {"c": 1.0}}
    with pytest.raises(ValueError, match="blend of blends"):
        build_scorer({}, inner)
    with pytest.raises(ValueError, match="one part at least"):
        build_scorer({}, {"kind": "blend", "parts": {}, "weights": {}})
