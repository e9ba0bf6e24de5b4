"""Which items were liked by the same people, for what is too new for the model to know."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.recommendations.scoring import Floats, History, Ints

Bools = NDArray[np.bool_]

FEW = 5  # likes in the model's data, below which an item's neighbours are looked for here as well
MAX_PAIRS = 100_000  # 1.2 MB; beyond it the rarer half leaves
SHRINKAGE = 2.0  # pairs: one pair counts a third of what many do, chance alone makes many of them
LOOKED_AT = 500  # pairs in one look-up, those seen most often: a tenth of a millisecond
WEAKEST = 0.05  # of a neighbour: one person in common of an item liked by 4 and one liked by 11
NEIGHBOURS = 50  # for one history: many times what a list takes
LATEST = 10  # liked items of a history that are looked up
FORGOTTEN = (
    0.5  # with each new model old counts are halved; a single pair leaves with the second one
)
WHOLE = np.int64(1) << 32  # a key is item · 2³² + partner
LOWER = WHOLE - 1


class Pairs:
    """Counts of who liked both, item by young partner, in two arrays sorted by key.

    A partner is young when the model has it with fewer than `FEW` likes or not at all; pairs of items
    that the model knows are not kept: it knows them better. Without a model all items are young.
    """

    def __init__(self) -> None:
        self._keys: NDArray[np.int64] = np.zeros(0, np.int64)
        self._counts: Floats = np.zeros(0, np.float32)
        self._known: Bools = np.zeros(0, bool)

    def __len__(self) -> int:
        return len(self._keys)

    def judge(self, popularity: Floats) -> None:
        """Take over a new model's popularity (size,), log(1 + likes): what it knows is young no more."""
        self._known = popularity >= np.log1p(np.float32(FEW))
        self._counts = self._counts * np.float32(FORGOTTEN)
        self._keep(self._young(self._keys & LOWER) & (self._counts >= FORGOTTEN))

    def add(self, first: Ints, second: Ints) -> None:
        """Count pairs of items, each both ways. A few milliseconds for a full table and 10,000 pairs."""
        one, other = first.astype(np.int64), second.astype(np.int64)
        forth, back = self._young(other), self._young(one)
        keys = np.concatenate([(one * WHOLE + other)[forth], (other * WHOLE + one)[back]])
        if not len(keys):
            return
        new, counts = np.unique(keys, return_counts=True)
        places = np.searchsorted(self._keys, new)
        there = np.zeros(len(new), bool)
        inside = places < len(self._keys)
        there[inside] = self._keys[places[inside]] == new[inside]
        self._counts[places[there]] += counts[there]
        self._keys = np.insert(self._keys, places[~there], new[~there])
        self._counts = np.insert(self._counts, places[~there], counts[~there])
        if len(self._keys) > MAX_PAIRS:
            rarer = np.argpartition(self._counts, len(self._counts) - MAX_PAIRS // 2)
            self._keep(np.sort(rarer[-(MAX_PAIRS // 2) :]))

    def neighbours(self, history: History, likes: Floats) -> tuple[Ints, Floats]:
        """Return young partners of what was liked lately, and how strongly: Σ_i c_ij / √(n_i n_j), shrunk.

        `likes` (size,) are the n, counted over the same time as the pairs. Strengths are in [0.05, 1],
        the strongest first; each c is multiplied by c / (c + `SHRINKAGE`).
        """
        liked = history.items[history.weights > 0][-LATEST:].astype(np.int64)
        if not len(self._keys) or not len(liked):
            return np.zeros(0, np.int32), np.zeros(0, np.float32)
        starts = np.searchsorted(self._keys, liked * WHOLE)
        ends = np.searchsorted(self._keys, (liked + 1) * WHOLE)
        parts = [slice(*ends) for ends in zip(starts.tolist(), ends.tolist(), strict=True)]
        keys = np.concatenate([self._keys[part] for part in parts])
        counts = np.concatenate([self._counts[part] for part in parts])
        if len(keys) > LOOKED_AT:
            often = np.argpartition(-counts, LOOKED_AT)[:LOOKED_AT]
            keys, counts = keys[often], counts[often]
        items, partners = keys >> 32, keys & LOWER
        # Liked before anybody told: at least as often as together.
        alike = counts / np.sqrt(
            np.maximum(likes[items], counts) * np.maximum(likes[partners], counts)
        )
        alike *= counts / (counts + np.float32(SHRINKAGE))
        numbers, places = np.unique(partners, return_inverse=True)
        strengths = np.minimum(np.bincount(places, alike), 1.0)
        best = np.argsort(-strengths, kind="stable")[:NEIGHBOURS]
        best = best[strengths[best] >= WEAKEST]
        return numbers[best].astype(np.int32), strengths[best].astype(np.float32)

    def _young(self, numbers: NDArray[np.int64]) -> Bools:
        young = np.ones(len(numbers), bool)
        inside = numbers < len(self._known)
        young[inside] = ~self._known[numbers[inside]]
        return young

    def _keep(self, which: NDArray[np.bool_] | NDArray[np.intp]) -> None:
        self._keys, self._counts = self._keys[which], self._counts[which]
