"""From scores to a list: what may appear, what comes first, and why it is there."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from services.recommendations.diversity import CANDIDATES, MOST, diversified
from services.recommendations.exploration import POOL, Chosen, Explorers
from services.recommendations.places import NONE, Mask, Numbers, Popularity, Ranked, Request
from services.recommendations.rules import weave
from services.recommendations.scoring import Floats
from services.recommendations.shortlist import DEPTH, Shortlist
from services.recommendations.state import UserState
from services.recommendations.top import highest, top

FIRST_EXPLORED = 2  # the best two places of a personal list always belong to the model
YOUNG = 0.2  # share of a list, at most, that goes to neighbours too new for the model


def rank(
    request: Request,
    state: UserState,
    *,
    scores: Floats | Shortlist | None,
    popularity: Popularity,
    explorers: Explorers,
    generator: np.random.Generator,
) -> list[Ranked]:
    """Return `limit` places, or as many as may appear.

    `scores` are by number, or a shortlist that `suffices`, or None where there is no model or no history:
    then the list is a mix of popular and unknown items that differs from user to user. Nothing that was seen appears before
    the unseen is used up; after that, what was seen longest ago comes first.
    """
    size = len(request.allowed)
    unseen = request.allowed.copy()
    seen = _seen(request, state)
    unseen[seen[seen < size]] = False
    draw = _Draw(request, popularity, explorers, generator, len(seen))
    values = popularity.counts
    if isinstance(scores, np.ndarray):
        values = scores = request.effects.boosted(scores, request.allowed)
    pinned = _pinned(request, unseen, values)
    if pinned:
        unseen[[place.number for place in pinned.values()]] = False
    places: list[Ranked] = []
    for tier in request.effects.tiers(unseen):
        room = request.limit - len(pinned) - len(places)
        if room > 0:
            explored = 0 if places else _rounded(room * request.exploration, generator)
            places += draw.places(tier, scores, room, explored)
    room = request.limit - len(pinned) - len(places)
    if room > 0:
        places += _again(request, unseen, state, room, {p.number for p in pinned.values()})
    return weave(places, pinned) if pinned else places


def suffices(request: Request, state: UserState, found: Shortlist) -> bool:
    """Tell whether a list can be made from a shortlist: enough of it may appear and is new to the user."""
    usable = found.allowed(request.allowed, _seen(request, state))
    return int(usable.sum()) >= DEPTH * _wanted(request, request.limit)


def _seen(request: Request, state: UserState) -> Numbers:
    return np.concatenate([state.history.items, state.shown, request.excluded])


def _wanted(request: Request, limit: int) -> int:
    """Return among how many of the best the places of a list are chosen."""
    if not request.diversity:
        return limit
    return max(limit, min(MOST, CANDIDATES * limit))


def _rounded(value: float, generator: np.random.Generator) -> int:
    """Return a whole number that is `value` on average: a share of half a place is every other list's."""
    return int(value + generator.random())


def _pinned(request: Request, unseen: Mask, values: Floats) -> dict[int, Ranked]:
    if not request.effects.pins:
        return {}
    slots = min(request.limit, int(unseen.sum()))
    found = request.effects.pinned(unseen, values, slots)
    return {
        place: Ranked(number, _finite(values[number]) if number < len(values) else 0.0, "rule")
        for place, number in found.items()
    }


@dataclass(frozen=True, slots=True)
class _Draw:
    """How the unseen part of one list is chosen; `seen` is how many items it may not have."""

    request: Request
    popularity: Popularity
    explorers: Explorers
    generator: np.random.Generator
    seen: int

    def places(
        self, unseen: Mask, scores: Floats | Shortlist | None, limit: int, explored: int
    ) -> list[Ranked]:
        if scores is None:
            return self._cold(unseen, limit, explored)
        return self._personal(unseen, scores, limit, explored)

    def _personal(
        self, unseen: Mask, scores: Floats | Shortlist, limit: int, explored: int
    ) -> list[Ranked]:
        best, values = highest(scores, unseen, _wanted(self.request, limit), self.seen)
        chosen = self._diverse(best, values, limit)
        places = [
            Ranked(number, score, "model")
            for number, score in zip(best[chosen].tolist(), values[chosen].tolist(), strict=True)
        ]
        places = _with_neighbours(places, self.request.neighbours, unseen, limit)
        slots = min(explored, max(0, limit - FIRST_EXPLORED))
        if slots <= 0:
            return places
        rest = unseen.copy()
        rest[[place.number for place in places]] = False
        taste = scores.taste.at if isinstance(scores, Shortlist) else scores
        new = self.explorers.choose(self.generator, rest, slots, taste=taste)
        return self._mixed(places[: limit - len(new)], new, scores, first=FIRST_EXPLORED)

    def _cold(self, unseen: Mask, limit: int, explored: int) -> list[Ranked]:
        pool = self._pool(unseen)
        counts, odds = self.popularity.counts, self.request.effects.odds(pool)
        diverse = self.request.diversity
        count = _wanted(self.request, limit) if diverse else limit - explored
        drawn = dict(self.explorers.choose_popular(self.generator, pool, counts[pool], count, odds))
        # They are drawn in an order that chance gave them: that order is their relevance.
        relevance = -np.arange(len(drawn), dtype=np.float32)
        numbers = np.array([*drawn], np.int32)
        liked = numbers[self._diverse(numbers, relevance, limit)][: limit - explored]
        kept = len(liked) / max(1, len(drawn))  # of what was drawn; to first order, whichever it is
        places = [Ranked(n, float(counts[n]), "popular", kept * drawn[n]) for n in liked.tolist()]
        rest = unseen.copy()
        rest[liked] = False
        return self._mixed(
            places, self.explorers.choose(self.generator, rest, limit - len(places)), None, first=0
        )

    def _pool(self, unseen: Mask) -> Numbers:
        """Return the most popular unseen items, boosts reckoned in."""
        counts, effects = self.popularity.counts, self.request.effects
        if effects.boosts is None:
            return _head(self.popularity.order, unseen)
        weights = effects.weighted(counts)
        size = min(len(weights), len(unseen))
        return top(weights[:size], unseen[:size] & (weights[:size] > 0), POOL).astype(np.int32)

    def _diverse(self, numbers: Numbers, relevance: Floats, limit: int) -> NDArray[np.intp]:
        """Return the places of up to `limit` of the candidates, which come in order of relevance."""
        request = self.request
        if not request.diversity or request.likeness is None or not len(numbers):
            return np.arange(min(limit, len(numbers)))
        likeness = request.likeness(numbers)
        return diversified(relevance, likeness, limit, diversity=request.diversity)

    def _mixed(
        self, places: list[Ranked], new: Chosen, scores: Floats | Shortlist | None, *, first: int
    ) -> list[Ranked]:
        """Put what is explored at places that chance gives it, after the `first`."""
        first = min(first, len(places))
        for number, propensity in new:
            where = first + int((len(places) + 1 - first) * self.generator.random())
            places.insert(where, Ranked(number, _of(scores, number), "exploration", propensity))
        return places


def _of(scores: Floats | Shortlist | None, number: int) -> float:
    """Return the score of an item; 0 where it has none."""
    if isinstance(scores, Shortlist):
        return float(scores.taste.at(np.array([number]))[0])
    return _finite(scores[number]) if scores is not None and number < len(scores) else 0.0


def _with_neighbours(
    places: list[Ranked], neighbours: tuple[Numbers, Floats], unseen: Mask, limit: int
) -> list[Ranked]:
    """Give some places to items that the model is too old for, and people like this one liked.

    Their strength puts them between the list's last score (0) and its first (1).
    """
    numbers, strengths = neighbours
    if not len(numbers) or not places:
        return places
    listed = {place.number for place in places}
    low, high = places[-1].score, places[0].score
    young = [
        Ranked(number, low + strength * (high - low), "model")
        for number, strength in zip(numbers.tolist(), strengths.tolist(), strict=True)
        if number < len(unseen) and unseen[number] and number not in listed
    ][: int(limit * YOUNG)]
    kept = places[: limit - len(young)]
    return sorted([*kept, *young], key=lambda place: -place.score)


def _finite(score: float) -> float:
    return float(score) if isfinite(score) else 0.0


def _head(order: Numbers, unseen: Mask) -> Numbers:
    """Return the first `POOL` of `order` that are unseen; looks no further than it must."""
    step = 4 * POOL
    head = NONE
    for start in range(0, len(order), step):
        part = order[start : start + step]
        part = part[part < len(unseen)]  # it was counted after the catalogue grew
        head = np.concatenate([head, part[unseen[part]]])
        if len(head) >= POOL:
            break
    return head[:POOL]


def _again(
    request: Request, unseen: Mask, state: UserState, count: int, listed: set[int]
) -> list[Ranked]:
    """Return what was seen longest ago; what was reacted to and never shown counts as oldest."""
    if count <= 0:
        return []
    again = request.allowed & ~unseen
    for never in (state.disliked, request.excluded, np.array([*listed], np.int32)):
        again[never[never < len(again)]] = False
    log = np.concatenate([state.history.items, state.shown])
    log = log[log < len(again)]
    log = log[again[log]]
    backwards = log[::-1]
    numbers, newest_first = np.unique(backwards, return_index=True)
    oldest_first = numbers[np.argsort(-newest_first, kind="stable")][:count]
    return [Ranked(int(number), 0.0, "fallback") for number in oldest_first.tolist()]
