from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recommendations.catalogue import Item
from services.recommendations.datasets import (
    Dataset,
    Interactions,
    from_columns,
    split,
    split_at_one_moment,
    split_each_user,
    split_last_out,
)

Rows = list[tuple[str, int, float, float]]
rows_of_people = st.lists(
    st.tuples(
        st.sampled_from("abcdef"), st.integers(0, 9), st.sampled_from([-1.0, 1.0]), st.floats(0, 9)
    ),
    min_size=1,
    max_size=60,
)


def interactions(rows: Rows) -> Interactions:
    return from_columns(*[list(column) for column in zip(*rows, strict=True)])


def told(these: Interactions) -> list[tuple[str, int]]:
    return [
        (these.user_ids[user], item)
        for user, item in zip(these.users.tolist(), these.items.tolist(), strict=True)
    ]


def test_the_latest_reaction_to_an_item_wins() -> None:
    rows = interactions([("a", 1, 1.0, 10), ("a", 2, 1.0, 11), ("a", 1, -1.0, 12)])
    assert told(rows) == [("a", 2), ("a", 1)]
    assert rows.weights.tolist() == [1, -1]


def test_of_two_reactions_at_one_time_the_one_that_arrived_last_wins() -> None:
    rows = interactions([("a", 1, 1.0, 10), ("a", 1, -1.0, 10)])
    assert rows.weights.tolist() == [-1]


def test_a_history_is_the_users_own_and_its_newest_is_last() -> None:
    rows = interactions([("b", 3, 1.0, 5), ("a", 1, 1.0, 9), ("a", 2, -1.0, 4)])
    assert rows.history(0).items.tolist() == [2, 1]
    assert rows.history(0).weights.tolist() == [-1, 1]
    assert rows.history(1).items.tolist() == [3]


def test_columns_are_as_narrow_as_they_can_be() -> None:
    rows = interactions([("a", 1, 1.0, 10)])
    dtypes = [column.dtype.str for column in (rows.users, rows.items, rows.weights, rows.times)]
    assert dtypes == ["<i4", "<i4", "<f4", "<f8"]


def test_few_people_are_split_each_at_their_own_last_fifth() -> None:
    parts = split(interactions([(user, n, 1.0, n) for user in "ab" for n in range(10)]))
    assert "each user" in parts.protocol
    assert told(parts.holdout) == [("a", 8), ("a", 9), ("b", 8), ("b", 9)]


def test_whoever_has_two_reactions_has_one_to_judge_by_and_whoever_has_one_has_none() -> None:
    parts = split(interactions([("a", 1, 1.0, 1), ("a", 2, 1.0, 2), ("b", 1, 1.0, 3)]))
    assert told(parts.holdout) == [("a", 2)]
    assert told(parts.train) == [("a", 1), ("b", 1)]


def test_many_people_are_split_at_one_moment(make_checkerboard: Callable[..., Dataset]) -> None:
    parts = split(make_checkerboard(users=220).interactions)
    assert parts.protocol == "one cut in time"
    assert parts.train.times.max() < parts.holdout.times.min()
    assert len(parts.holdout) == pytest.approx(
        0.2 * (len(parts.train) + len(parts.holdout)), rel=0.05
    )


@given(rows_of_people)
def test_a_split_loses_nothing_and_no_user_learns_from_later_than_he_is_judged(rows: Rows) -> None:
    whole = interactions(rows)
    parts = split(whole)
    assert sorted(told(parts.train) + told(parts.holdout)) == sorted(told(whole))
    for user in np.unique(parts.holdout.users):
        before = parts.train.times[parts.train.users == user]
        after = parts.holdout.times[parts.holdout.users == user]
        assert len(before)
        assert before.max() <= after.min()


@pytest.mark.parametrize(
    ("reactions", "held_out"), [(1, 0), (2, 1), (5, 1), (6, 2), (10, 2), (11, 3), (35, 7)]
)
def test_a_fifth_is_rounded_up(reactions: int, held_out: int) -> None:
    parts = split_each_user(interactions([("a", n, 1.0, n) for n in range(reactions)]))
    assert len(parts.holdout) == held_out


def test_one_moment_is_the_same_for_all_however_few_have_a_history() -> None:
    rows = [*(("a", n, 1.0, n) for n in range(8)), ("b", 0, 1.0, 8), ("b", 1, 1.0, 9)]
    assert told(split_at_one_moment(interactions(rows)).holdout) == [("b", 0), ("b", 1)]


@pytest.mark.parametrize("how", [split_each_user, split_at_one_moment, split_last_out])
@given(rows=rows_of_people)
def test_no_split_invents_or_shows_what_is_held_out(
    rows: Rows, how: Callable[[Interactions], object]
) -> None:
    whole = interactions(rows)
    parts = how(whole)
    known, later = set(told(parts.train)), set(told(parts.holdout))
    assert not known & later
    assert known | later <= set(told(whole))


@given(rows_of_people)
def test_the_last_liked_one_of_whoever_has_a_history_is_held_out_alone(rows: Rows) -> None:
    parts = split_last_out(interactions(rows))
    users, counts = np.unique(parts.holdout.users, return_counts=True)
    assert (counts == 1).all()
    assert (parts.holdout.weights > 0).all()
    assert np.isin(users, parts.train.users).all()


@given(rows_of_people)
def test_the_hash_depends_on_the_content_and_not_on_the_order_of_users(
    rows: Rows,
) -> None:
    rows = list({(user, item): (user, item, w, at) for user, item, w, at in rows}.values())
    one = Dataset(interactions(rows), [])
    other = Dataset(interactions(sorted(rows, key=lambda row: row[0], reverse=True)), [])
    assert one.sha256 == other.sha256
    more = Dataset(interactions([*rows, ("z", 1, 1.0, 1.0)]), [])
    assert one.sha256 != more.sha256


def test_the_hash_notices_a_changed_item(checkerboard: Dataset) -> None:
    first, *others = checkerboard.items
    changed = [replace(first, genres=("strange",)), *others]
    hidden = [replace(first, hidden=True), *others]
    hashes = {replace(checkerboard, items=items).sha256 for items in (changed, hidden)}
    assert len(hashes | {checkerboard.sha256}) == 3


def test_the_size_has_room_for_items_that_only_reactions_name() -> None:
    assert Dataset(interactions([("a", 7, 1.0, 1)]), [Item(2, "x")]).size == 8
    assert Dataset(interactions([("a", 1, 1.0, 1)]), [Item(2, "x")]).size == 3
