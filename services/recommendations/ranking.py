"""From scores to a list: what may appear, what comes first, and why it is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.recommendations.diversity import CANDIDATES, MOST, diversified
from services.recommendations.exploration import POOL, draw_popular, draw_uniform
from services.recommendations.state import UserState
from services.recommendations.top import quick_top, top

Source = Literal["model", "exploration", "popular", "fallback", "rule"]
Numbers = NDArray[np.int32]

FIRST_EXPLORED = 2  # the best two places of a personal list always belong to the model


class Ranked(NamedTuple):
    """One place of a list. `propensity`: the probability with which chance brought the item there, 1 for
    what was not left to chance."""

    number: int
    score: float
    source: Source
    propensity: float = 1.0


@dataclass(frozen=True, slots=True)
class Request:
    """What a list shall be. `allowed` is true, by number, for what may appear in it at all.

    `likeness` gives (n, n) in [-1, 1] for n item numbers; it is needed where `diversity` is above 0.
    """

    limit: int
    allowed: NDArray[np.bool_]
    exploration: float = 0.0  # share of the list
    diversity: float = 0.0  # from 0, the best scores, to 1, the greatest variety
    likeness: Callable[[Numbers], NDArray[np.float32]] | None = None
    excluded: Numbers = field(default_factory=lambda: np.zeros(0, np.int32))


@dataclass(frozen=True, slots=True)
class Popularity:
    """What is popular: counts by number, and the numbers of the most popular items in order."""

    counts: NDArray[np.float32]
    order: Numbers


def rank(
    request: Request,
    state: UserState,
    *,
    scores: NDArray[np.float32] | None,
    popularity: Popularity,
    generator: np.random.Generator,
) -> list[Ranked]:
    """Return `limit` places, or as many as may appear.

    `scores` are by number, or None where there is no model or no history: then the list is a mix of
    popular and unknown items that differs from user to user. Nothing that was seen appears before
    the unseen is used up; after that, what was seen longest ago comes first.
    """
    size = len(request.allowed)
    unseen = request.allowed.copy()
    seen = np.concatenate([state.history.items, state.shown, request.excluded])
    unseen[seen[seen < size]] = False
    explored = round(request.limit * request.exploration)
    if scores is not None:
        places = _personal(request, unseen, scores, len(seen), explored, generator)
    else:
        places = _cold(request, unseen, popularity, explored, generator)
    if len(places) < request.limit:
        places += _again(request, unseen, state, request.limit - len(places))
    return places


def _usable(scores: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return `size` finite scores; what has none, because it is newer than the scores, comes last."""
    scores = scores[:size]
    finite = np.isfinite(scores)
    if len(scores) == size and finite.all():
        return scores
    lowest = scores[finite].min(initial=0.0)
    usable = np.full(size, lowest, np.float32)
    usable[: len(scores)] = np.where(finite, scores, lowest)
    return usable


def _personal(
    request: Request,
    unseen: NDArray[np.bool_],
    scores: NDArray[np.float32],
    seen: int,
    explored: int,
    generator: np.random.Generator,
) -> list[Ranked]:
    limit = request.limit
    wanted = _candidates(request)
    best = quick_top(scores, unseen, wanted, skipped=seen)
    if best is None:
        scores = _usable(scores, len(unseen))
        best = top(scores, unseen, wanted)
    chosen = _diverse(request, best.astype(np.int32), scores[best])
    rest = unseen.copy()
    rest[chosen] = False
    new = draw_uniform(generator, rest, min(explored, max(0, limit - FIRST_EXPLORED)))
    kept = chosen[: limit - len(new)]
    pairs = zip(kept.tolist(), scores[kept].tolist(), strict=True)
    places = [Ranked(number, score, "model") for number, score in pairs]
    first = min(FIRST_EXPLORED, len(places))
    for number in new:
        where = first + int((len(places) + 1 - first) * generator.random())
        score = float(scores[number])
        places.insert(where, Ranked(number, score if isfinite(score) else 0.0, "exploration"))
    return places


def _candidates(request: Request) -> int:
    if not request.diversity:
        return request.limit
    return max(request.limit, min(MOST, CANDIDATES * request.limit))


def _diverse(request: Request, numbers: Numbers, relevance: NDArray[np.float32]) -> Numbers:
    """Return up to `limit` of the candidates, which come in order of relevance."""
    if not request.diversity or request.likeness is None or not len(numbers):
        return numbers[: request.limit]
    likeness = request.likeness(numbers)
    chosen = diversified(relevance, likeness, request.limit, diversity=request.diversity)
    return numbers[chosen]


def _cold(
    request: Request,
    unseen: NDArray[np.bool_],
    popularity: Popularity,
    explored: int,
    generator: np.random.Generator,
) -> list[Ranked]:
    pool = _head(popularity.order, unseen)
    counts = popularity.counts[pool]
    count = _candidates(request) if request.diversity else request.limit - explored
    drawn = np.array(draw_popular(generator, pool.tolist(), counts, count), np.int32)
    # They are drawn in an order that chance gave them: that order is their relevance.
    relevance = -np.arange(len(drawn), dtype=np.float32)
    liked = _diverse(request, drawn, relevance)[: request.limit - explored].tolist()
    rest = unseen.copy()
    rest[liked] = False
    new = draw_uniform(generator, rest, request.limit - len(liked))
    places = [Ranked(n, float(popularity.counts[n]), "popular") for n in liked]
    for number in new:
        where = int((len(places) + 1) * generator.random())
        places.insert(where, Ranked(number, 0.0, "exploration"))
    return places


def _head(order: Numbers, unseen: NDArray[np.bool_]) -> Numbers:
    """Return the first `POOL` of `order` that are unseen; looks no further than it must."""
    step = 4 * POOL
    head = np.zeros(0, np.int32)
    for start in range(0, len(order), step):
        part = order[start : start + step]
        part = part[part < len(unseen)]  # it was counted after the catalogue grew
        head = np.concatenate([head, part[unseen[part]]])
        if len(head) >= POOL:
            break
    return head[:POOL]


def _again(
    request: Request, unseen: NDArray[np.bool_], state: UserState, count: int
) -> list[Ranked]:
    """Return what was seen longest ago; what was reacted to and never shown counts as oldest."""
    again = request.allowed & ~unseen
    for never in (state.disliked, request.excluded):
        again[never[never < len(again)]] = False
    log = np.concatenate([state.history.items, state.shown])
    log = log[log < len(again)]
    log = log[again[log]]
    backwards = log[::-1]
    numbers, newest_first = np.unique(backwards, return_index=True)
    oldest_first = numbers[np.argsort(-newest_first, kind="stable")][:count]
    return [Ranked(int(number), 0.0, "fallback") for number in oldest_first.tolist()]


def popularity_of(counts: NDArray[np.float32], eligible: NDArray[np.bool_]) -> Popularity:
    """Return the popularity for these counts by number; the order has only what was ever liked."""
    liked = np.flatnonzero((counts > 0) & eligible)
    order = liked[np.argsort(-counts[liked], kind="stable")].astype(np.int32)
    return Popularity(counts, order)


def letters(places: Sequence[Ranked]) -> str:
    """Return the sources of a list as one letter a place, as impressions store them."""
    return "".join(place.source[0] for place in places)
