from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recommendations.feedback import STRENGTH
from services.recommendations.scoring import History
from services.recommendations.state import (
    REACTION,
    UserState,
    catalogue_key,
    history_key,
    lists_told,
    merge,
    online_key,
    pack,
    popularity_key,
    reaction,
    reactions_told,
    shown_key,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
reactions = st.lists(
    st.tuples(
        st.integers(0, 8),
        st.sampled_from(sorted(STRENGTH)),
        st.none(),
        st.integers(0, 5).map(lambda day: START + timedelta(days=day)),
    ),
    max_size=40,
)


@given(reactions)
def test_a_history_has_the_latest_reaction_to_each_item_the_newest_last(
    rows: list[tuple[int, str, None, datetime]],
) -> None:
    history = merge(np.frombuffer(pack(rows), REACTION))
    latest: dict[int, tuple[int, str, None, datetime]] = {}
    for row in sorted(rows, key=lambda row: row[3]):  # stable: of equal times the later line holds
        latest.pop(row[0], None)
        latest[row[0]] = row
    assert history.items.tolist() == list(latest)
    expected = [STRENGTH[row[1]] for row in latest.values()]
    assert history.weights.tolist() == pytest.approx(expected)
    assert history.items.dtype == np.int32
    assert history.weights.dtype == np.float32


@given(reactions)
def test_packing_at_once_and_appending_one_by_one_are_the_same(
    rows: list[tuple[int, str, None, datetime]],
) -> None:
    assert pack(rows) == b"".join(reaction(*row) for row in rows)


@given(reactions)
def test_appending_a_reaction_again_changes_nothing(
    rows: list[tuple[int, str, None, datetime]],
) -> None:
    once = merge(np.frombuffer(pack(rows), REACTION))
    twice = merge(np.frombuffer(pack([*rows, *rows]), REACTION))
    assert once.items.tolist() == twice.items.tolist()
    assert once.weights.tolist() == twice.weights.tolist()


def test_disliked_and_badly_rated_items_never_come_again_and_skipped_ones_may() -> None:
    weights = np.array([1, 0.3, -0.3, -0.5, -1], np.float32)
    state = UserState(History(np.arange(5, dtype=np.int32), weights), np.zeros(0, np.int32))
    assert state.disliked.tolist() == [3, 4]


def test_keys_are_apart_by_workspace_generation_and_user() -> None:
    keys = {
        make(workspace, generation, user)
        for make in (history_key, shown_key)
        for workspace in ("a", "b")
        for generation in (1, 11)
        for user in ("u", "u:1", "1:h:u")
    }
    keys |= {popularity_key("a", 1), popularity_key("b", 1), catalogue_key("a"), catalogue_key("b")}
    keys |= {online_key("a", 1), online_key("b", 1)}
    assert len(keys) == 30
    assert all(key.startswith(("akin:w:a:", "akin:w:b:")) for key in keys)


def test_reactions_and_lists_are_told_to_the_same_stream_apart() -> None:
    reactions, lists = reactions_told("a", 1), lists_told("a", 1)
    assert reactions.stream == lists.stream == online_key("a", 1)
    assert reactions.field != lists.field
    assert reactions.before == 10 * REACTION.itemsize
    assert len(reactions.old) == len(reactions.new) == REACTION.itemsize
    assert lists.before == len(lists.old) == len(lists.new) == 0
