"""Rules: what a pin, a boost and a bury do to a list, and what they never do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.recommendations.catalogue import Catalogue, Item
from services.recommendations.filters import Masks, compile_filter
from services.recommendations.rules import Effects, Rule, Rulebook, weave

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SIZE = 40


def board(size: int = SIZE) -> Masks:
    """Return the masks of items 0, 1, 2, …; even ones have the genre Even, odd ones Odd; item n is of year n."""
    catalogue = Catalogue()
    items = [
        Item(n, f"i{n}", genres=("Odd" if n % 2 else "Even",), labels={"year": str(n)})
        for n in range(size)
    ]
    catalogue.apply(items, 1)
    return Masks(catalogue)


def rule(name: str, effect: Any, text: str, **options: Any) -> Rule:
    return Rule(name, compile_filter(text), effect, **options)


def effects(*rules: Rule, masks: Masks | None = None, now: datetime = NOW) -> Effects:
    return Rulebook(rules).effects(masks or board(), now)


def rising(size: int = SIZE) -> NDArray[np.float32]:
    return np.arange(size, dtype=np.float32)


def everything(size: int = SIZE) -> NDArray[np.bool_]:
    return np.ones(size, bool)


def ranked(
    effect: Effects,
    unseen: NDArray[np.bool_],
    scores: NDArray[np.float32],
    limit: int,
) -> tuple[list[int], dict[int, int]]:
    """Make a list as the pipeline does; return it and what is pinned, by place."""
    slots = min(limit, int(unseen.sum()))
    scores = effect.boosted(scores, unseen)
    pinned = effect.pinned(unseen, scores, slots)
    left = unseen.copy()
    left[list(pinned.values())] = False
    rest: list[int] = []
    for tier in effect.tiers(left):
        numbers = np.flatnonzero(tier)
        rest += numbers[np.argsort(-scores[numbers], kind="stable")].tolist()
    return weave(rest[: slots - len(pinned)], pinned), pinned


def test_a_boost_adds_standard_deviations_of_what_may_appear() -> None:
    allowed = everything()
    allowed[30:] = False
    effect = effects(rule("a", "boost", "year = 3", strength=2.0))
    boosted = effect.boosted(rising(), allowed)
    gained = boosted - rising()
    assert gained[3] == pytest.approx(2 * np.std(np.arange(30)))
    assert np.count_nonzero(gained) == 1


def test_boosts_add_up_and_scores_that_are_all_the_same_can_be_boosted() -> None:
    effect = effects(
        rule("a", "boost", 'genres has "Odd"', strength=0.5),
        rule("b", "boost", "year < 2", strength=2.0),
    )
    boosted = effect.boosted(np.zeros(SIZE, np.float32), everything())
    assert boosted[:4].tolist() == [2.0, 2.5, 0.0, 0.5]


def test_a_boost_is_as_strong_in_a_large_catalogue_as_its_scores_are_wide() -> None:
    size = 100_000
    scores = np.random.default_rng(0).normal(5, 3, size).astype(np.float32)
    effect = effects(rule("a", "boost", "year = 7", strength=1.0), masks=board(size))
    gained = effect.boosted(scores, everything(size)) - scores
    assert gained[7] == pytest.approx(3, rel=0.05)


def test_what_is_buried_comes_after_everything_else_and_is_not_removed() -> None:
    effect = effects(rule("a", "bury", 'genres has "Odd"'))
    listed, _ = ranked(effect, everything(), rising(), SIZE)
    assert listed == [*range(38, -1, -2), *range(39, 0, -2)]


def test_a_share_of_the_list_is_pinned_at_even_distances_best_first() -> None:
    effect = effects(rule("a", "pin", "year < 10", percent=25))
    listed, pinned = ranked(effect, everything(), rising(), 10)
    assert pinned == {2: 9, 7: 8}
    assert listed == [39, 38, 9, 37, 36, 35, 34, 8, 33, 32]


@pytest.mark.parametrize(("percent", "count"), [(0, 0), (9.99, 0), (10, 1), (59, 5), (100, 10)])
def test_a_share_is_rounded_down(percent: float, count: int) -> None:
    effect = effects(rule("a", "pin", 'genres has "Even"', percent=percent))
    assert len(effect.pinned(everything(), rising(), 10)) == count


def test_a_pin_at_a_place_gets_it_and_none_beyond_the_list() -> None:
    first = effects(rule("a", "pin", 'item_id = "i3"', position=1))
    assert ranked(first, everything(), rising(), 3)[0] == [3, 39, 38]
    beyond = effects(rule("a", "pin", 'item_id = "i3"', position=4))
    assert ranked(beyond, everything(), rising(), 3)[0] == [39, 38, 37]


def test_places_go_before_shares_then_by_name_and_who_comes_late_takes_the_next_free_place() -> (
    None
):
    effect = effects(
        rule("c", "pin", "year = 1", position=2),
        rule("b", "pin", "year = 2", position=2),
        rule("a", "pin", "year < 6", percent=100),
    )
    assert effect.pinned(everything(), rising(), 4) == {1: 2, 2: 1, 0: 5, 3: 4}
    last = effects(
        rule("a", "pin", "year = 1", position=3), rule("b", "pin", "year = 2", position=3)
    )
    assert last.pinned(everything(), rising(), 3) == {2: 1, 1: 2}


def test_a_pin_beats_a_bury_and_a_bury_beats_a_boost() -> None:
    effect = effects(
        rule("a", "bury", "year >= 30"),
        rule("b", "boost", "year >= 30", strength=10.0),
        rule("c", "pin", "year = 31", position=1),
    )
    listed, _ = ranked(effect, everything(), rising(), SIZE)
    assert listed == [31, *range(29, -1, -1), *range(39, 31, -1), 30]


def test_nothing_is_pinned_that_was_seen_or_may_not_appear() -> None:
    unseen = everything()
    unseen[[8, 9]] = False
    effect = effects(rule("a", "pin", "year < 10", percent=20))
    assert effect.pinned(unseen, rising(), 10) == {2: 7, 7: 6}


def test_the_highest_score_is_pinned_of_equal_ones_the_lowest_number_and_nan_last() -> None:
    effect = effects(rule("a", "pin", "year < 6", percent=60))
    scores = np.array([np.nan, 5, 7, 7], np.float32)  # 4 and 5 are newer than the scores
    assert list(effect.pinned(everything(), scores, 10).values()) == [2, 3, 1, 0, 4, 5]


def test_lists_for_nobody_draw_what_is_boosted_more_often_and_nothing_buried() -> None:
    effect = effects(rule("a", "boost", "year <= 1", strength=2.0), rule("b", "bury", "year = 2"))
    counts = np.array([3, 0, 5, 4, 0], np.float32)
    weights = effect.weighted(counts)
    assert weights == pytest.approx([4 * np.e**2, np.e**2, 0, 4, 0])
    many = effects(*(rule(f"{n}", "boost", "year = 0", strength=10.0) for n in range(50)))
    assert np.isfinite(many.weighted(counts)).all()


def test_without_rules_nothing_is_done_or_copied() -> None:
    none, scores, unseen = effects(), rising(), everything()
    assert none.boosted(scores, unseen) is scores
    assert none.weighted(scores) is scores
    assert none.tiers(unseen)[0] is unseen
    assert none.pinned(unseen, scores, 10) == {}


def test_a_rule_holds_from_its_beginning_until_before_its_end_while_it_is_enabled() -> None:
    book = Rulebook(
        [
            rule("a", "boost", "year = 0", strength=1.0, starts=NOW, ends=NOW + HOUR),
            rule("b", "boost", "year = 0", strength=5.0, enabled=False),
        ]
    )
    masks = board(1)
    times = [NOW - HOUR, NOW, NOW + HOUR / 2, NOW + HOUR, NOW - HOUR, NOW]
    boosts = [book.effects(masks, at).boosts for at in times]
    assert [None if b is None else b.tolist() for b in boosts] == [None, [1], [1], None, None, [1]]


def test_effects_are_worked_out_once_until_the_catalogue_changes() -> None:
    book, masks = Rulebook([rule("a", "bury", "year >= 1")]), board(2)
    first = book.effects(masks, NOW)
    assert book.effects(masks, NOW + HOUR) is first
    change = [Item(2, "i2", labels={"year": "2"})]
    masks.columns.catalogue.apply(change, 2)
    masks.update(change)
    buried = book.effects(masks, NOW).buried
    assert buried is not None
    assert buried.tolist() == [False, True, True]
    other = book.effects(board(1), NOW).buried
    assert other is not None
    assert other.tolist() == [False]


def test_the_rules_that_touch_an_item_are_told() -> None:
    book = Rulebook(
        [
            rule("b", "bury", "year = 1"),
            rule("a", "pin", 'genres has "Odd"', percent=10),
            rule("c", "boost", "year = 1", enabled=False),
            rule("d", "boost", "year = 2"),
        ]
    )
    assert [each.name for each in book.touching(1, board(), NOW)] == ["a", "b"]


def test_what_is_pinned_moves_up_where_the_rest_is_short() -> None:
    assert weave(["a"], {0: "x", 3: "z", 2: "y"}) == ["x", "a", "y", "z"]
    assert weave([], {5: "x"}) == ["x"]


FILTERS = ['genres has "Odd"', "year < 5", "year >= 3 and year < 20", 'item_id = "i3"', "year < 0"]


@st.composite
def rules(draw: st.DrawFn, name: int) -> Rule:
    effect = draw(st.sampled_from(["pin", "boost", "bury"]))
    options: dict[str, Any] = {}
    if effect == "boost":
        options = {"strength": draw(st.floats(0.1, 10))}
    elif effect == "pin" and draw(st.booleans()):
        options = {"percent": draw(st.floats(0, 100))}
    elif effect == "pin":
        options = {"position": draw(st.integers(1, 30))}
    return rule(str(name), effect, draw(st.sampled_from(FILTERS)), **options)


books = st.integers(0, 5).flatmap(lambda n: st.tuples(*(rules(i) for i in range(n))))
BOARD = board()


@given(books, st.lists(st.booleans(), min_size=SIZE, max_size=SIZE), st.data())
@settings(max_examples=150)
def test_a_list_keeps_its_length_and_holds_distinct_items_that_may_appear(
    book: tuple[Rule, ...], may: list[bool], data: st.DataObject
) -> None:
    unseen = np.array(may)
    values = data.draw(st.lists(st.integers(-99, 99), min_size=SIZE, max_size=SIZE))
    limit = data.draw(st.integers(1, 30))
    before = np.array(values, np.float32)
    scores = before.copy()
    listed, pinned = ranked(effects(*book, masks=BOARD), unseen, scores, limit)
    assert len(listed) == len(set(listed)) == min(limit, int(unseen.sum()))
    assert all(unseen[number] for number in listed)
    assert all(listed[place] == number for place, number in pinned.items())
    assert scores.tolist() == before.tolist()
    assert (unseen == np.array(may)).all()
    again, _ = ranked(effects(*reversed(book), masks=BOARD), unseen, scores, limit)
    assert again == listed  # whatever the order in which the rules came


@given(books, st.integers(1, 30), st.lists(st.booleans(), min_size=SIZE, max_size=SIZE))
@settings(max_examples=150)
def test_no_rule_pins_more_than_its_share_and_only_what_it_matches(
    book: tuple[Rule, ...], slots: int, may: list[bool]
) -> None:
    unseen = np.array(may)
    for each in book:
        pinned = effects(each, masks=BOARD).pinned(unseen, rising(), slots)
        share = 1 if each.position else slots * (each.percent or 0) / 100
        assert len(pinned) <= (share if each.effect == "pin" else 0)
        assert all(0 <= place < slots for place in pinned)
        assert all(BOARD.of(each.filter)[n] and unseen[n] for n in pinned.values())


@given(books, st.lists(st.booleans(), min_size=SIZE, max_size=SIZE))
def test_what_is_buried_and_not_pinned_stands_behind_all_that_is_not(
    book: tuple[Rule, ...], may: list[bool]
) -> None:
    effect = effects(*book, masks=BOARD)
    listed, pinned = ranked(effect, np.array(may), rising(), SIZE)
    others = [n for n in listed if n not in pinned.values()]
    flags = [effect.buried is not None and bool(effect.buried[n]) for n in others]
    assert flags == sorted(flags)


@pytest.mark.parametrize("scored", [0, 3, 60])
def test_scores_and_masks_may_be_older_or_younger_than_the_catalogue(scored: int) -> None:
    effect = effects(
        rule("a", "boost", 'genres has "Odd"'),
        rule("b", "bury", "year < 3"),
        rule("c", "pin", "year < 30", percent=50),
    )
    for size in (SIZE - 20, SIZE + 20):
        unseen = everything(size)
        assert len(effect.boosted(rising(scored), unseen)) == scored
        assert len(effect.weighted(rising(scored))) == scored
        assert [len(tier) for tier in effect.tiers(unseen)] == [size, size]
        assert all(n < size for n in effect.pinned(unseen, rising(scored), 10).values())
