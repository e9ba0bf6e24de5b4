from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.recommendations.catalogue import Catalogue, Item
from services.recommendations.explaining import reasons
from services.recommendations.places import Ranked, Source
from services.recommendations.scoring import NOTHING, History, Scorer, build_scorer

ITEMS = [
    Item(0, "heat", "Heat", ("Crime",)),
    Item(1, "ronin", None, ("Crime", "War")),
    Item(2, "alien", "Alien", ("Horror",)),
    Item(3, "new", "New", ("Drama",)),
]


def catalogue() -> Catalogue:
    found = Catalogue()
    found.apply(ITEMS, 1)
    return found


def scorer(*weights: tuple[int, int, float]) -> Scorer:
    """Weights from an item to an item, in order."""
    sources = np.array([source for source, _, _ in weights])
    arrays: dict[str, NDArray[Any]] = {
        "numbers": np.arange(4, dtype=np.int32),
        "popularity": np.ones(4, np.float32),
        "starts": np.searchsorted(sources, np.arange(5)).astype(np.int64),
        "targets": np.array([target for _, target, _ in weights], np.int32),
        "weights": np.array([weight for _, _, weight in weights], np.float32),
        "precisions": np.ones(4, np.float32),
    }
    built = build_scorer(arrays, {"kind": "neighbours", "half_life": None})
    built.place(ITEMS, 4)
    return built


def history(*pairs: tuple[int, float]) -> History:
    items, weights = zip(*pairs, strict=True)
    return History(np.array(items, np.int32), np.array(weights, np.float32))


def place(number: int, source: Source = "model") -> Ranked:
    return Ranked(number, 1.0, source)


def test_the_liked_item_that_speaks_most_for_a_place_is_named() -> None:
    model = scorer((0, 2, 0.5), (0, 3, 0.1), (1, 2, 0.1), (1, 3, 0.4))
    told = reasons([place(2), place(3)], catalogue(), model, history((0, 1.0), (1, 1.0)))
    assert told == ["Because you liked Heat.", "Because you liked ronin."]


def test_a_dislike_that_speaks_for_an_item_is_never_named() -> None:
    model = scorer((0, 2, 0.1), (1, 2, -0.5))
    told = reasons([place(2)], catalogue(), model, history((0, 1.0), (1, -1.0)))
    assert told == ["Because you liked Heat."]


def test_where_no_item_stands_out_the_genre_that_many_share_is_named() -> None:
    many = [Item(number, str(number), genres=("War", "Crime")) for number in range(10, 20)]
    other = Catalogue()
    other.apply([*ITEMS, *many], 1)
    arrays: dict[str, NDArray[Any]] = {
        "numbers": np.arange(20, dtype=np.int32),
        "popularity": np.ones(20, np.float32),
        "starts": np.maximum(0, np.arange(21, dtype=np.int64) - 10),
        "targets": np.ones(10, np.int32),
        "weights": np.full(10, 0.1, np.float32),
        "precisions": np.ones(20, np.float32),
    }
    model = build_scorer(arrays, {"kind": "neighbours", "half_life": None})
    model.place(other.items(), 20)
    told = reasons([place(1)], other, model, history(*((n, 1.0) for n in range(10, 20))))
    assert told == ["You like Crime."]


def test_what_nothing_speaks_for_and_what_is_not_from_the_model_gets_a_plain_sentence() -> None:
    model = scorer((0, 2, 0.5))
    places = [place(3), place(2, "exploration"), place(2, "popular"), place(2)]
    assert reasons(places, catalogue(), model, history((0, 1.0))) == [
        "Chosen for you.",
        "New to you: exploring.",
        "Popular with others.",
        "Because you liked Heat.",
    ]


def test_without_likes_or_a_model_there_is_nothing_to_name() -> None:
    places = [place(2), place(1, "fallback")]
    plain = ["Chosen for you.", "Seen longest ago."]
    assert reasons(places, catalogue(), None, history((0, 1.0))) == plain
    assert reasons(places, catalogue(), scorer((0, 2, 0.5)), history((0, -1.0))) == plain
    assert reasons(places, catalogue(), scorer((0, 2, 0.5)), NOTHING) == plain
    assert reasons([], catalogue(), scorer((0, 2, 0.5)), history((0, 1.0))) == []
