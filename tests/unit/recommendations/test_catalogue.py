from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recommendations import catalogue as module
from services.recommendations.catalogue import Catalogue, Item

items = st.builds(
    Item,
    number=st.integers(0, 200),
    item_id=st.just(""),
    genres=st.lists(st.sampled_from(["Comedy", "Drama", "Sci-Fi"]), max_size=2).map(tuple),
    hidden=st.booleans(),
    listed=st.booleans(),
).map(
    lambda item: Item(
        item.number, f"i{item.number}", None, item.genres, {}, None, item.hidden, item.listed
    )
)
changes = st.lists(st.lists(items, max_size=10), max_size=6)


@given(changes)
def test_the_catalogue_is_what_the_last_change_of_each_item_says(batches: list[list[Item]]) -> None:
    catalogue, latest = Catalogue(epoch=3), {}
    for revision, batch in enumerate(batches, 1):
        catalogue.apply(batch, revision)
        latest |= {item.number: item for item in batch}
    assert catalogue.revision == len(batches)
    assert catalogue.size == max(latest, default=-1) + 1
    assert {item.number: item for item in catalogue.items()} == latest
    allowed = {n for n, item in latest.items() if item.listed and not item.hidden}
    assert set(catalogue.mask.nonzero()[0].tolist()) == allowed
    for number, item in latest.items():
        assert catalogue[number] == item
        assert catalogue.number(item.item_id) == number
    assert catalogue.number("never named") is None


@given(changes, st.sampled_from(["comedy", "DRAMA", "Sci-Fi", "None"]))
def test_a_genre_is_found_whatever_its_case_and_after_every_change(
    batches: list[list[Item]], genre: str
) -> None:
    catalogue = Catalogue()
    for batch in batches:
        catalogue.apply(batch, 1)
        mask = catalogue.with_genre(genre)
        assert len(mask) == catalogue.size
        wanted = {i.number for i in catalogue.items() if genre.lower() in map(str.lower, i.genres)}
        assert set(mask.nonzero()[0].tolist()) == wanted


def test_a_number_that_was_never_given_is_a_key_error() -> None:
    catalogue = Catalogue()
    catalogue.apply([Item(5, "five")], 1)
    with pytest.raises(KeyError):
        catalogue[2]


def test_growing_one_by_one_copies_the_arrays_a_few_times_only() -> None:
    catalogue, seen = Catalogue(), set()
    for number in range(5_000):
        catalogue.apply([Item(number, str(number))], number)
        seen.add(
            id(
                catalogue.eligible.base
                if catalogue.eligible.base is not None
                else catalogue.eligible
            )
            and len(catalogue.eligible)
        )
    assert catalogue.size == 5_000
    assert len(seen) < 15


def test_no_more_masks_are_kept_than_the_bound_and_none_of_unknown_genres(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_MASKS", 2)
    catalogue = Catalogue()
    catalogue.apply([Item(0, "a", genres=("X", "Y", "Z"))], 1)
    for genre in ("nobody's", "X", "Y", "Z", "x"):
        assert catalogue.with_genre(genre).tolist() == [len(genre) == 1]
    assert sorted(catalogue._masks) == ["x", "y"]
