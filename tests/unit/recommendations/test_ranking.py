"""The guarantees of a list, whatever the catalogue, the user, the scores and the chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.recommendations.exploration import Explorers
from services.recommendations.online import Online
from services.recommendations.places import Popularity, Ranked, Request, letters, popularity_of
from services.recommendations.ranking import FIRST_EXPLORED, rank
from services.recommendations.scoring import NOTHING, History
from services.recommendations.state import UserState

FRESH = UserState(NOTHING, np.zeros(0, np.int32))


@dataclass
class Situation:
    """Everything that a list depends on."""

    request: Request
    state: UserState
    scores: NDArray[np.float32] | None
    popularity: Popularity
    seed: int

    def rank(self) -> list[Ranked]:
        return rank(
            self.request,
            self.state,
            scores=self.scores,
            popularity=self.popularity,
            explorers=Explorers(Online()),
            generator=np.random.default_rng(self.seed),
        )

    @property
    def eligible(self) -> set[int]:
        never = {*self.state.disliked.tolist(), *self.request.excluded.tolist()}
        return set(np.flatnonzero(self.request.allowed).tolist()) - never

    @property
    def seen(self) -> set[int]:
        return {*self.state.history.items.tolist(), *self.state.shown.tolist()}


def numbers(values: list[int]) -> NDArray[np.int32]:
    return np.array(values, np.int32)


@st.composite
def situations(draw: st.DrawFn, *, personal: bool | None = None) -> Situation:
    size = draw(st.integers(0, 40))
    # The state may name items that came after the mask was made.
    known = st.integers(0, size + 2)
    liked = draw(st.lists(known, unique=True, max_size=15))
    weights = draw(
        st.lists(
            st.sampled_from([-1.0, -0.5, -0.3, 0.3, 1.0]), min_size=len(liked), max_size=len(liked)
        )
    )
    mask = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)), bool)
    # Counters and scores may be older, or younger, than the mask.
    counted = draw(st.integers(0, size + 3))
    counts = np.array(
        draw(st.lists(st.integers(0, 9), min_size=counted, max_size=counted)), np.float32
    )
    scored = draw(st.integers(0, size + 3))
    scores = np.array(
        draw(st.lists(st.floats(width=32), min_size=scored, max_size=scored)), np.float32
    )
    if personal is None:
        personal = draw(st.booleans())
    young = draw(st.lists(known, unique=True, max_size=8))
    strengths = sorted(draw(st.lists(st.floats(0, 1), min_size=len(young), max_size=len(young))))
    return Situation(
        Request(
            draw(st.integers(1, 20)),
            mask,
            exploration=draw(st.floats(0, 1)),
            excluded=numbers(draw(st.lists(known, max_size=5))),
            diversity=draw(st.sampled_from([0.0, 0.5, 1.0])),
            likeness=lambda wanted: np.eye(len(wanted), dtype=np.float32),
            neighbours=(numbers(young), np.array(strengths[::-1], np.float32)),
        ),
        UserState(
            History(numbers(liked), np.array(weights, np.float32)),
            numbers(draw(st.lists(known, max_size=30))),
        ),
        scores if personal else None,
        popularity_of(counts, np.ones(counted, bool)),
        draw(st.integers(0, 2**32)),
    )


@given(situations())
@settings(max_examples=300)
def test_a_list_has_exactly_as_many_distinct_items_as_asked_for_or_are_eligible(
    situation: Situation,
) -> None:
    listed = [place.number for place in situation.rank()]
    assert len(listed) == len(set(listed))
    assert len(listed) == min(situation.request.limit, len(situation.eligible))
    assert set(listed) <= situation.eligible


@given(situations())
@settings(max_examples=300)
def test_nothing_seen_comes_before_the_unseen_is_used_up_then_the_longest_ago_first(
    situation: Situation,
) -> None:
    listed = [place.number for place in situation.rank()]
    again = [number for number in listed if number in situation.seen]
    fresh = [number for number in listed if number not in situation.seen]
    assert listed == fresh + again
    assert len(fresh) == min(situation.request.limit, len(situation.eligible - situation.seen))

    log = [*situation.state.history.items.tolist(), *situation.state.shown.tolist()]
    last_seen = {number: place for place, number in enumerate(log)}
    oldest = sorted(situation.eligible & situation.seen, key=last_seen.__getitem__)
    assert again == oldest[: len(again)]


@given(situations())
def test_every_place_has_a_finite_score_and_a_source(situation: Situation) -> None:
    places = situation.rank()
    assert all(np.isfinite(place.score) for place in places)
    sources = {"model", "exploration", "fallback"}
    if situation.scores is None:
        sources = {"popular", "exploration", "fallback"}
    assert {place.source for place in places} <= sources
    assert letters(places) == "".join(place.source[0] for place in places)


@given(situations())
def test_the_situation_itself_is_not_changed(situation: Situation) -> None:
    before = situation.request.allowed.copy(), situation.state.shown.copy()
    situation.rank()
    assert (situation.request.allowed == before[0]).all()
    assert (situation.state.shown == before[1]).all()


@given(st.lists(st.floats(-9, 9, width=32), min_size=1, max_size=40), st.integers(1, 20))
def test_without_exploration_the_model_decides(values: list[float], limit: int) -> None:
    scores = np.array(values, np.float32)
    request = Request(limit, np.ones(len(scores), bool))
    places = Situation(request, FRESH, scores, nobody(len(scores)), 0).rank()
    assert [place.score for place in places] == sorted(scores.tolist(), reverse=True)[:limit]


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 100])
def test_exploration_takes_its_share_and_leaves_the_first_places_to_the_model(limit: int) -> None:
    scores = np.arange(1_000, dtype=np.float32)
    request = Request(limit, np.ones(1_000, bool), exploration=0.3)
    found = []
    for seed in range(200):
        places = Situation(request, FRESH, scores, nobody(1_000), seed).rank()
        found.append(sum(place.source == "exploration" for place in places))
        assert [place.number for place in places[:FIRST_EXPLORED]] == [999, 998][:limit]
    # Part of a place is some lists' whole one.
    assert set(found) <= {int(0.3 * limit), int(0.3 * limit) + 1}
    assert np.mean(found) == pytest.approx(
        min(0.3 * limit, max(0, limit - FIRST_EXPLORED)), abs=0.1
    )


def test_an_item_newer_than_the_scores_comes_after_those_that_have_one() -> None:
    scores = np.array([-5, -3], np.float32)
    request = Request(3, np.ones(3, bool))
    places = Situation(request, FRESH, scores, nobody(3), 0).rank()
    assert [place.number for place in places] == [1, 0, 2]


def test_a_cold_list_prefers_the_popular_and_differs_from_user_to_user() -> None:
    counts = np.zeros(1_000, np.float32)
    counts[:50] = 100
    popularity = popularity_of(counts, np.ones(1_000, bool))
    request = Request(10, np.ones(1_000, bool), exploration=0.3)
    lists = [Situation(request, FRESH, None, popularity, seed).rank() for seed in range(30)]
    for places in lists:
        assert sum(place.number < 50 for place in places) >= 7
        assert {place.source for place in places} == {"popular", "exploration"}
    assert len({tuple(place.number for place in places) for places in lists}) == 30


def test_popularity_orders_what_was_liked_and_may_be_recommended() -> None:
    counts = np.array([0, 3, 9, 5, 3], np.float32)
    order = popularity_of(counts, np.array([True, True, False, True, True])).order
    assert order.tolist() == [3, 1, 4]


def nobody(size: int) -> Popularity:
    return popularity_of(np.zeros(size, np.float32), np.ones(size, bool))
