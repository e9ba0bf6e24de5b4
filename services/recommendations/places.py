"""What a list is asked to be, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.recommendations.rules import Effects
from services.recommendations.scoring import Floats

Source = Literal["model", "exploration", "popular", "fallback", "rule"]
Numbers = NDArray[np.int32]
Mask = NDArray[np.bool_]

NONE: Numbers = np.zeros(0, np.int32)


class Ranked(NamedTuple):
    """One place of a list. `propensity`: the probability with which chance brought the item there, 1 for
    what was not left to chance."""

    number: int
    score: float
    source: Source
    propensity: float = 1.0


@dataclass(frozen=True, slots=True)
class Popularity:
    """What is popular: counts by number, and the numbers of the most popular items in order."""

    counts: Floats
    order: Numbers


@dataclass(frozen=True, slots=True)
class Request:
    """What a list shall be. `allowed` is true, by number, for what may appear in it at all.

    `likeness` gives (n, n) in [-1, 1] for n item numbers; it is needed where `diversity` is above 0.
    `neighbours` are items too new for the model, with strengths in (0, 1] (`Online.neighbours`).
    """

    limit: int
    allowed: Mask
    exploration: float = 0.0  # share of the list
    diversity: float = 0.0  # from 0, the best scores, to 1, the greatest variety
    likeness: Callable[[Numbers], Floats] | None = None
    excluded: Numbers = field(default_factory=lambda: NONE)
    effects: Effects = field(default_factory=Effects)
    neighbours: tuple[Numbers, Floats] = field(
        default_factory=lambda: (NONE, np.zeros(0, np.float32))
    )


def popularity_of(counts: Floats, eligible: Mask) -> Popularity:
    """Return the popularity for these counts by number; the order has only what was ever liked."""
    liked = np.flatnonzero((counts > 0) & eligible)
    order = liked[np.argsort(-counts[liked], kind="stable")].astype(np.int32)
    return Popularity(counts, order)


def letters(places: Sequence[Ranked]) -> str:
    """Return the sources of a list as one letter a place, as impressions store them."""
    return "".join(place.source[0] for place in places)
