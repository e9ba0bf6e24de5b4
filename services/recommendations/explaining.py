"""Why an item is in a list, or why it is not: in words, and in numbers that add up to its score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from services.recommendations.catalogue import Catalogue, Item
from services.recommendations.places import Ranked, Source
from services.recommendations.rules import Rule
from services.recommendations.scoring import Floats, History, Scorer
from services.recommendations.serving import Served
from services.recommendations.state import UserState

WORTH_NAMING = 0.2  # share of the pull upwards that one liked item must have to be the reason
TOLD = 10  # reactions named in an answer to `why`, those that move the score most

_PLAIN: dict[Source, str] = {
    "model": "Chosen for you.",
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
    words = [_PLAIN[place.source] for place in places]
    if scorer is None or not (history.weights > 0).any():
        return words
    explained = [at for at, place in enumerate(places) if place.source == "model"]
    numbers = [places[at].number for at in explained]
    # What somebody disliked can speak for an item too, but nobody wants to read that.
    added = scorer.contributions(history, numbers) * (history.weights > 0)
    upwards = np.maximum(added, 0)
    best = upwards.argmax(axis=1)
    enough = WORTH_NAMING * upwards.sum(axis=1)
    alone = (upwards.max(axis=1) >= enough) & (enough > 0)
    for row in np.flatnonzero(alone).tolist():
        liked = catalogue[int(history.items[best[row]])]
        words[explained[row]] = f"Because you liked {_named(liked)}."
    rest = np.flatnonzero(~alone).tolist()
    if rest:
        shared = _by_genre(
            [catalogue[numbers[row]] for row in rest], catalogue, history, upwards[rest]
        )
        for row, sentence in zip(rest, shared, strict=True):
            words[explained[row]] = sentence
    return words


def _by_genre(
    items: Sequence[Item], catalogue: Catalogue, history: History, upwards: Floats
) -> list[str]:
    """Name the genre of each item that the reactions which speak for it have most in common."""
    speaking = np.flatnonzero(upwards.any(axis=0))
    size, told = catalogue.size, history.items[speaking].tolist()
    genres = [catalogue[number].genres if number < size else () for number in told]
    named = [genre for each in genres for genre in each]
    rows = {genre: row for row, genre in enumerate(dict.fromkeys(named))}
    having = np.zeros((len(rows), len(speaking)), np.float32)
    columns = np.repeat(np.arange(len(genres)), [len(each) for each in genres])
    having[[rows[genre] for genre in named], columns] = 1.0
    words = []
    for item, pulls in zip(items, (upwards[:, speaking] @ having.T).tolist(), strict=True):
        pull = {genre: pulls[rows[genre]] for genre in item.genres if genre in rows}
        genre = max(pull, key=lambda name: pull[name], default="")
        words.append(f"You like {genre}." if pull.get(genre, 0) > 0 else _PLAIN["model"])
    return words


def _named(item: Item) -> str:
    return item.title or item.item_id


@dataclass(frozen=True, slots=True)
class Why:
    """Where an item stands for a user, and what put it there.

    `score` = the sum of all contributions + `rest` (what the model thinks of the item for everybody);
    None without a model or a history. `rank` is the place among the `of` items that may appear now, None
    for an item that may not; `obstacles` says why it cannot appear, or not yet. `contributions` are those
    that move the score most.
    """

    item: Item
    score: float | None
    rank: int | None
    of: int
    rest: float | None
    contributions: Sequence[Contribution]
    obstacles: Sequence[str]
    weight: float | None  # of the user's own reaction to it
    times_shown: int
    likes: float  # the like counts that exploration judges the item by …
    shows: float  # … and in how many lists it was
    rules: Sequence[Rule]  # that it matches now


def why(
    number: int, now: Served, scorer: Scorer | None, scores: Floats | None, state: UserState
) -> Why:
    """Explain one item to one user; `scores` by number, None where there is no personal model."""
    catalogue, history, moment = now.catalogue, state.history, datetime.now(UTC)
    unseen = catalogue.mask.copy()
    seen = np.concatenate([history.items, state.shown])
    unseen[seen[seen < len(unseen)]] = False
    score = rest = rank = None
    told: list[Contribution] = []
    if scorer is not None and scores is not None and number < len(scores):
        score = float(scores[number])
        (added,) = scorer.contributions(history, [number])
        rest = score - float(added.sum())
        told = _told(added, catalogue, history)
        boosted = now.controls.rules.effects(now.masks, moment).boosted(scores, catalogue.mask)
        boosted = boosted[: len(unseen)]
        if unseen[number]:
            rank = 1 + int((unseen[: len(boosted)] & (boosted > boosted[number])).sum())
    reacted = np.flatnonzero(history.items == number)
    return Why(
        item=catalogue[number],
        score=score,
        rank=rank,
        of=int(unseen.sum()),
        rest=rest,
        contributions=told,
        obstacles=_obstacles(catalogue[number], number, state),
        weight=float(history.weights[reacted[0]]) if len(reacted) else None,
        times_shown=int((state.shown == number).sum()),
        likes=_count(now.online.likes, number),
        shows=_count(now.online.shows, number),
        rules=now.controls.rules.touching(number, now.masks, moment),
    )


def _told(added: Floats, catalogue: Catalogue, history: History) -> list[Contribution]:
    """Return the contributions that move the score most."""
    return [
        Contribution(catalogue[int(history.items[i])], float(history.weights[i]), float(added[i]))
        for i in np.argsort(-np.abs(added), kind="stable")[:TOLD].tolist()
        if added[i] and history.items[i] < catalogue.size
    ]


def _count(counts: Floats, number: int) -> float:
    return float(counts[number]) if number < len(counts) else 0.0


def _obstacles(item: Item, number: int, state: UserState) -> list[str]:
    if not item.listed:
        return ["It is not in the catalogue."]
    found = ["It is hidden."] if item.hidden else []
    if number in state.disliked:
        return [*found, "The user disliked it: it never comes again."]
    if number in state.history.items:
        return [*found, "The user reacted to it: it comes again only when all else is used up."]
    if number in state.shown:
        return [*found, "It was shown already: it comes again only when all else is used up."]
    return found
