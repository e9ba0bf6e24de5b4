"""What a replica learns from what the stream tells, without a stream."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.cache import Telling
from services.recommendations.online import Online
from services.recommendations.scoring import History
from services.recommendations.state import NUMBER, reaction, reactions_told

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOW: Telling = reactions_told("w", 0)

person = st.tuples(
    st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["like", "dislike"])), max_size=10),
    st.lists(
        st.tuples(st.integers(0, 8), st.sampled_from(["like", "dislike"])), min_size=1, max_size=5
    ),
)
Person = tuple[list[tuple[int, str]], list[tuple[int, str]]]


def told(*people: Person) -> dict[bytes, bytes]:
    """Return an entry of the stream: for each person what came before, and what is new."""
    parts = []
    for before, new in people:
        parts += [HOW.old, *(reaction(n, kind, None, NOW) for n, kind in before)]
        parts += [HOW.new, *(reaction(n, kind, None, NOW) for n, kind in new)]
    return {b"reactions": b"".join(parts)}


def shown(*numbers: int) -> dict[bytes, bytes]:
    return {b"shown": np.array(numbers, NUMBER).tobytes()}


def liked(*items: int) -> History:
    return History(np.array(items, np.int32), np.ones(len(items), np.float32))


def likes_of(online: Online) -> dict[int, float]:
    return {n: likes for n, likes in enumerate(online.likes.tolist()) if likes}


def pairs_of(online: Online) -> set[tuple[int, int]]:
    return {(a, b) for a in range(9) for b in online.neighbours(liked(a))[0].tolist()}


def test_new_likes_and_shows_are_counted_and_older_ones_are_not() -> None:
    online = Online()
    online.learn([told(([(7, "like")], [(1, "like"), (2, "dislike")])), shown(1, 2), shown(2)])
    assert likes_of(online) == {1: 1.0}
    assert online.shows[:8].tolist() == [0, 1, 2, 0, 0, 0, 0, 0]


def test_a_weak_sign_counts_a_little() -> None:
    online = Online()
    online.learn([{b"reactions": HOW.old + HOW.new + reaction(3, "view", None, NOW)}])
    assert online.likes[3] == pytest.approx(0.3)


@given(st.lists(person, max_size=6))
@settings(max_examples=60)
def test_each_new_like_is_paired_with_what_the_same_person_liked_before(
    people: list[Person],
) -> None:
    expected = set()
    for before, new in people:
        likes = [n for n, kind in [*before, *new] if kind == "like"]
        older = sum(kind == "like" for _, kind in before)
        for at in range(older, len(likes)):
            expected |= {(a, likes[at]) for a in likes[max(0, at - 10) : at] if a != likes[at]}
    online = Online()
    online.learn([told(*people)] if people else [])
    assert pairs_of(online) == expected | {(b, a) for a, b in expected}


@given(st.lists(person, max_size=6))
@settings(max_examples=60)
def test_entries_in_one_round_or_in_many_teach_the_same(people: list[Person]) -> None:
    together, apart = Online(), Online()
    together.learn([told(one) for one in people])
    for one in people:
        apart.learn([told(one)])
    assert likes_of(together) == likes_of(apart)
    assert pairs_of(together) == pairs_of(apart)


def test_a_history_with_items_that_nobody_told_of_has_the_neighbours_of_the_others() -> None:
    online = Online()
    online.learn([told(([(0, "like")], [(1, "like")]))])
    assert online.neighbours(liked(0, 1_000_000))[0].tolist() == [1]
    assert not len(online.neighbours(liked(1_000_000))[0])


def test_a_model_that_knows_both_ends_their_pair_and_no_count() -> None:
    online = Online()
    online.learn([told(([(0, "like")], [(1, "like"), (8, "like")]))])
    online.judge(np.log1p(np.full(2, 100, np.float32)))
    assert pairs_of(online) == {(0, 8), (1, 8)}
    assert online.likes[1] == 1


def test_what_the_database_recalls_is_added() -> None:
    online = Online()
    online.learn([shown(1)])
    online.recall([shown(1, 4)[b"shown"], shown(4)[b"shown"]], {4: 2, 9: 1})
    assert online.shows[:5].tolist() == [0, 2, 0, 0, 2]
    assert online.likes[[4, 9]].tolist() == [2, 1]
    assert len(online.likes) == len(online.shows)


def test_what_was_touched_is_given_once() -> None:
    online = Online()
    online.learn([told(([(7, "like")], [(1, "like")])), shown(2, 3)])
    assert sorted(online.touched().tolist()) == [1, 2, 3]
    assert not len(online.touched())


def test_nobody_tells_anything() -> None:
    online = Online()
    online.learn([])
    assert not len(online.likes)
    assert not len(online.neighbours(liked(1))[0])
