from __future__ import annotations

import numpy as np
import pytest

from services.recommendations.catalogue import Catalogue, Item
from services.recommendations.similar import similar_items

GENRES = {0: ("Comedy", "Romance"), 1: ("comedy",), 2: ("Crime",), 3: ("Comedy", "Romance"), 4: ()}


@pytest.fixture
def catalogue() -> Catalogue:
    made = Catalogue()
    made.apply([Item(number=n, item_id=f"i{n}", genres=g) for n, g in GENRES.items()], 1)
    return made


class Alike:
    """A model for which item 0 is like 2 and unlike 3."""

    def alike(self, _: int) -> np.ndarray:
        return np.array([1, 0, 0.9, -0.9, 0], np.float32)


def found(catalogue: Catalogue, scorer: Alike | None = None, **changes: object) -> list[str]:
    allowed = changes.get("allowed", catalogue.mask)
    return [s.item.item_id for s in similar_items(catalogue, scorer, 0, allowed=allowed, limit=9)]


def test_without_a_model_the_genres_decide_and_the_item_itself_is_left_out(
    catalogue: Catalogue,
) -> None:
    assert found(catalogue) == ["i3", "i1"]


def test_the_model_comes_first_and_what_it_finds_unlike_is_left_out(catalogue: Catalogue) -> None:
    assert found(catalogue, Alike()) == ["i2", "i1"]


def test_what_is_not_allowed_does_not_appear(catalogue: Catalogue) -> None:
    allowed = catalogue.mask.copy()
    allowed[3] = False
    assert found(catalogue, allowed=allowed) == ["i1"]


def test_the_reason_names_what_they_have_in_common(catalogue: Catalogue) -> None:
    reasons = {
        s.item.item_id: s.reason
        for s in similar_items(catalogue, Alike(), 0, allowed=catalogue.mask, limit=9)
    }
    assert reasons == {"i2": "Liked by the same people.", "i1": "Also comedy."}
