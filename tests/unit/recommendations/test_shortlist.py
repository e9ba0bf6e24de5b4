"""A list from a shortlist is the list from all scores, or it is not made from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.recommendations.exploration import Explorers
from services.recommendations.filters import compile_filter
from services.recommendations.online import Online
from services.recommendations.places import Ranked, Request, popularity_of
from services.recommendations.ranking import rank, suffices
from services.recommendations.rules import Effects, Pin, Rule
from services.recommendations.scoring import NOTHING, Floats, History, Ints
from services.recommendations.shortlist import DEPTH, Shortlist
from services.recommendations.state import UserState

SIZE = 300


@dataclass(frozen=True)
class Known:
    """A taste of which all scores are known."""

    scores: Floats
    spread: float = 1.0

    def best(self, count: int) -> Ints:
        return np.sort(np.argsort(-self.scores)[:count]).astype(np.int32)

    def at(self, numbers: NDArray[np.int32]) -> Floats:
        return self.scores.take(numbers, mode="clip")


def scored(seed: int = 0) -> Floats:
    return np.random.default_rng(seed).permutation(SIZE).astype(np.float32)


def listed(scores: Floats, nominated: int) -> Shortlist:
    taste = Known(scores)
    numbers = taste.best(nominated)
    return Shortlist(numbers, taste.at(numbers), taste)


def ranked(request: Request, state: UserState, scores: Floats | Shortlist) -> list[Ranked]:
    explorers = Explorers(Online(), seed=0)
    return rank(
        request,
        state,
        scores=scores,
        popularity=popularity_of(np.zeros(SIZE, np.float32), np.ones(SIZE, bool)),
        explorers=explorers,
        generator=np.random.default_rng(0),
    )


@given(
    seed=st.integers(0, 1_000),
    nominated=st.integers(0, SIZE),
    share=st.sampled_from([0.01, 0.05, 0.3, 1.0]),
    limit=st.integers(1, 20),
    seen=st.lists(st.integers(0, SIZE + 2), max_size=100),
    diversity=st.sampled_from([0.0, 0.5]),
    exploration=st.sampled_from([0.0, 0.3]),
)
@settings(max_examples=300)
def test_whatever_the_filter_the_list_is_that_of_all_scores(
    seed: int,
    nominated: int,
    share: float,
    limit: int,
    seen: list[int],
    diversity: float,
    exploration: float,
) -> None:
    scores = scored(seed)
    request = Request(
        limit,
        np.random.default_rng(seed).random(SIZE) < share,
        diversity=diversity,
        exploration=exploration,
        likeness=lambda numbers: np.equal.outer(numbers % 7, numbers % 7).astype(np.float32),
        excluded=np.array(seen[:3], np.int32),
    )
    state = UserState(NOTHING, np.array(seen, np.int32))
    few, expected = listed(scores, nominated), ranked(request, state, scores)
    found = ranked(request, state, few) if suffices(request, state, few) else expected
    assert found == expected
    new = set(np.flatnonzero(request.allowed)) - set(seen)
    assert len(set(found) & {place for place in found if place.number in new}) == min(
        limit, len(new)
    )


def test_a_shortlist_suffices_where_enough_of_it_may_appear() -> None:
    few, nobody = listed(scored(), 100), UserState(NOTHING, np.zeros(0, np.int32))
    everything = np.ones(SIZE, bool)
    assert suffices(Request(100 // DEPTH, everything), nobody, few)
    assert not suffices(Request(100 // DEPTH + 1, everything), nobody, few)
    seen = UserState(History(few.numbers[:1], np.ones(1, np.float32)), few.numbers[:0])
    assert not suffices(Request(100 // DEPTH, everything), seen, few)
    hidden = everything.copy()
    hidden[few.numbers[5]] = False
    assert not suffices(Request(100 // DEPTH, hidden), nobody, few)
    assert not suffices(Request(100 // DEPTH, everything, diversity=0.1), nobody, few)
    excluded = Request(100 // DEPTH, everything, excluded=few.numbers[:1])
    assert not suffices(excluded, nobody, few)


@pytest.mark.parametrize("effect", ["boost", "bury", "pin"])
def test_rules_need_the_scores_of_all(effect: str) -> None:
    rule = Rule("a", compile_filter("year > 1990"), "pin", position=1)
    effects = {
        "boost": Effects(boosts=np.ones(SIZE, np.float32)),
        "bury": Effects(buried=np.zeros(SIZE, bool)),
        "pin": Effects(pins=[Pin(rule, np.array([3], np.int32))]),
    }[effect]
    assert effects.any
    assert not Effects().any


def test_what_came_after_the_mask_was_made_stays_out() -> None:
    few = listed(scored(), SIZE)
    numbers, scores = few.best(np.ones(10, bool), SIZE)
    assert sorted(numbers.tolist()) == list(range(10))
    assert (np.diff(scores) < 0).all()
