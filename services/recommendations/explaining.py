"""Why an item is in a list, or why it is not: in words, and in numbers that add up to its score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.recommendations.catalogue import Catalogue, Item
from services.recommendations.ranking import Ranked, Source
from services.recommendations.scoring import Floats, History, Scorer

WORTH_NAMING = 0.2  # share of the pull upwards that one liked item must have to be the reason
TOLD = 10  # reactions named in an answer to `why`, those that move the score most

_PLAIN: dict[Source, str] = {
    "model": "Like what you liked.",
    "popular": "Popular with others.",
    "exploration": "New to you: exploring.",
    "fallback": "Seen longest ago.",
    "rule": "Featured.",
}


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one reaction adds to a score."""

    item: Item
    weight: float
    contribution: float


def reasons(
    places: Sequence[Ranked], catalogue: Catalogue, scorer: Scorer | None, history: History
) -> list[str]:
    """Return a sentence for each place: the liked item that speaks most for it, where there is one."""
    if scorer is None or not (history.weights > 0).any() or not hasattr(scorer, "contributions"):
        return [_PLAIN[place.source] for place in places]
    return [_reason(place, catalogue, scorer, history) for place in places]


def _reason(place: Ranked, catalogue: Catalogue, scorer: Scorer, history: History) -> str:
    if place.source != "model":
        return _PLAIN[place.source]
    added = scorer.contributions(history, place.number)
    # What somebody disliked can speak for an item too, but nobody wants to read that.
    added = np.where(history.weights[-len(added) :] > 0, added, 0) if len(added) else added
    upwards = np.maximum(added, 0)
    total = float(upwards.sum())
    best = int(upwards.argmax()) if len(upwards) else 0
    if total <= 0 or upwards[best] < WORTH_NAMING * total:
        return _by_genre(catalogue[place.number], catalogue, history, upwards)
    return f"Because you liked {_named(catalogue[int(history.items[best])])}."


def _by_genre(item: Item, catalogue: Catalogue, history: History, upwards: Floats) -> str:
    """Return the genre of the item that the reactions which speak for it have most in common."""
    pull = dict.fromkeys(item.genres, 0.0)
    for number, amount in zip(history.items.tolist(), upwards.tolist(), strict=True):
        for genre in _genres(catalogue, number):
            if genre in pull:
                pull[genre] += amount
    genre = max(pull, key=lambda name: pull[name], default="")
    return f"You like {genre}." if pull.get(genre, 0) > 0 else _PLAIN["model"]


def _genres(catalogue: Catalogue, number: int) -> Sequence[str]:
    return catalogue[number].genres if number < catalogue.size else ()


def _named(item: Item) -> str:
    return item.title or item.item_id
