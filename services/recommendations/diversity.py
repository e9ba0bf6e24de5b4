"""Lists that are not all alike: maximal marginal relevance over genres and the model's own similarity.

Carbonell, Goldstein (1998): each place goes to the item with the highest

    (1 - d) · relevance - d · (its likeness to the most similar item already chosen)

with the diversity d in 0..1; relevance is scaled to 0..1 over the candidates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CANDIDATES = 10  # times as many as places: enough that the last place can still be of another kind
MOST = 300  # candidates: their likeness is a square matrix, 0.4 MB

Floats = NDArray[np.float32]


def diversified(
    relevance: Floats, likeness: Floats, count: int, *, diversity: float
) -> NDArray[np.intp]:
    """Return which `count` of the n candidates make the list, in its order.

    `relevance` (n,), any scale; `likeness` (n, n) in [-1, 1]. The most relevant one always comes first.
    """
    n = len(relevance)
    count = min(count, n)
    if not count:
        return np.zeros(0, np.intp)
    low, high = float(relevance.min()), float(relevance.max())
    relevant = (relevance - low) / (high - low) if high > low else np.ones(n, np.float32)
    relevant = (1 - diversity) * relevant
    nearest = np.full(n, -np.inf, np.float32)  # likeness to the most similar one chosen so far
    free = np.ones(n, bool)
    chosen = [int(np.argmax(relevance))]
    while len(chosen) < count:
        free[chosen[-1]] = False
        np.maximum(nearest, likeness[chosen[-1]], out=nearest)
        chosen.append(int(np.argmax(np.where(free, relevant - diversity * nearest, -np.inf))))
    return np.array(chosen, np.intp)


def genre_likeness(genres: Sequence[Sequence[str]]) -> Floats:
    """Return (n, n): the share of genres that two items have in common (Jaccard); 0 without genres."""
    codes: dict[str, int] = {}
    for names in genres:
        for name in names:
            codes.setdefault(name, len(codes))
    has = np.zeros((len(genres), len(codes)), np.float32)
    for row, names in enumerate(genres):
        has[row, [codes[name] for name in names]] = 1
    common = has @ has.T
    each = has.sum(axis=1)
    either = each[:, None] + each[None, :] - common
    return np.asarray(common / np.maximum(either, 1), np.float32)
