"""Items like an item: what the same people like, and what has its genres."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.recommendations.catalogue import Catalogue, Item
from services.recommendations.scoring import Scorer

# Of the genres beside the model's likeness: enough to order what the model knows nothing of, and to prefer
# a comedy to a thriller among what it finds equally like a comedy.
GENRES = 0.3

Floats = NDArray[np.float32]


class Similar(NamedTuple):
    """An item like another, how much (higher is more), and why."""

    item: Item
    score: float
    reason: str


def similar_items(
    catalogue: Catalogue,
    scorer: Scorer | None,
    number: int,
    *,
    allowed: NDArray[np.bool_],
    limit: int,
) -> list[Similar]:
    """Return up to `limit` items where `allowed`, the most similar first; none that has nothing in common."""
    size = len(allowed)
    together = np.zeros(size, np.float32)
    if scorer is not None:
        alike = scorer.alike(number)[:size]
        together[: len(alike)] = alike
    shared = _shared_genres(catalogue, number, size)
    score = together + GENRES * shared
    eligible = allowed & (score > 0)
    eligible[number] = False
    found = np.flatnonzero(eligible)
    best = found[np.argsort(-score[found], kind="stable")[:limit]].tolist()
    item = catalogue[number]
    return [
        Similar(catalogue[n], float(score[n]), _reason(item, catalogue[n], float(together[n])))
        for n in best
    ]


def _shared_genres(catalogue: Catalogue, number: int, size: int) -> Floats:
    """Return (size,): the share of genres in common with each item (Jaccard)."""
    genres = dict.fromkeys(genre.casefold() for genre in catalogue[number].genres)
    common = np.zeros(size, np.float32)
    for genre in genres:
        common += catalogue.with_genre(genre)[:size]
    either = len(genres) + catalogue.genre_counts[:size] - common
    return np.asarray(common / np.maximum(either, 1), np.float32)


def _reason(item: Item, other: Item, together: float) -> str:
    if together > 0:
        return "Liked by the same people."
    own = {genre.casefold() for genre in item.genres}
    return f"Also {', '.join(g for g in other.genres if g.casefold() in own)}."
