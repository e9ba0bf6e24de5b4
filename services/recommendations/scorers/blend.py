"""A weighted sum of other models' scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.recommendations.catalogue import Item
from services.recommendations.scorers.factors import FactorScorer
from services.recommendations.scorers.interface import (
    NOTHING,
    Floats,
    History,
    Ints,
    Scorer,
    Taste,
    spread_of,
)

SHORT = 5  # likes
REMEMBERED = 1_000  # spreads of histories: a list is explained soon after it was scored


def own_arrays(arrays: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the arrays of a blend that belong to one of its parts."""
    prefix = f"{name}."
    return {key[len(prefix) :]: array for key, array in arrays.items() if key.startswith(prefix)}


@dataclass(frozen=True, slots=True)
class BlendTaste:
    """See `Taste`: those of the parts, and what each counts, its spread reckoned in."""

    parts: Sequence[Taste]
    shares: Sequence[float]
    spread: None = None

    def best(self, count: int) -> Ints:
        """See `Taste`. What any part nominates: `count` of each."""
        return np.unique(np.concatenate([part.best(count) for part in self.parts]))

    def at(self, numbers: NDArray[Any]) -> Floats:
        """See `Taste`."""
        total = np.zeros(len(numbers), np.float32)
        for part, share in zip(self.parts, self.shares, strict=True):
            total += share * part.at(numbers)
        return total


class BlendScorer:
    """Each part's scores divided by their standard deviation over the items, for each history on its own,
    then summed by weights: models speak in units of their own, and more loudly for longer histories.
    (Taking away the mean too would change nothing: it is the same for all items of a history.) The deviation
    is that over all items of the catalogue: of factors from their items' moments, of others from the scores.

    An item that only one part knows (a new one, by its features) is ranked by that part alone. Histories
    with at most `SHORT` likes have weights of their own, `short`: a model may need much to tell anything.
    """

    def __init__(
        self,
        parts: Sequence[Scorer],
        weights: Sequence[float],
        short: Sequence[float] | None = None,
    ) -> None:
        short = weights if short is None else short
        if not len(parts) == len(weights) == len(short) or not parts:
            raise ValueError("A blend has one weight for each of its parts, and one part at least.")
        self._parts = list(parts)
        self._weights = np.array(weights, np.float32)
        self._both = np.array([weights, short], np.float32)
        self._spreads: dict[bytes, Floats] = {}

    @property
    def popularity(self) -> Floats:
        """See `Scorer`."""
        return self._parts[0].popularity

    def place(self, items: Sequence[Item], size: int) -> None:
        """See `Scorer`."""
        for part in self._parts:
            part.place(items, size)
        self._spreads.clear()

    def index(self) -> bool:
        """See `Scorer`. All parts must be able to."""
        ready = [
            part.index() for part in self._parts
        ]  # of all of them, whatever the first one says
        return all(ready)

    def tastes(self, histories: Sequence[History]) -> Sequence[Taste | None]:
        """See `Scorer`. One part that must score all makes the others do so."""
        of_parts = zip(*[part.tastes(histories) for part in self._parts], strict=True)
        return [self._taste(*each) for each in zip(histories, of_parts, strict=True)]

    def _taste(self, history: History, found: Sequence[Taste | None]) -> Taste | None:
        parts = [each for each in found if each is not None]
        if len(parts) < len(found):
            return None
        spreads = np.array([part.spread or 1.0 for part in parts], np.float32)
        self._remember([history], spreads[None])
        return BlendTaste(parts, (self._weights_for([history])[0] / spreads).tolist())

    def _weights_for(self, histories: Sequence[History]) -> Floats:
        """Return (histories, parts)."""
        return self._both[[int(is_short(history)) for history in histories]]

    def score(self, histories: Sequence[History]) -> Floats:
        """See `Scorer`."""
        scores, spreads = self._scored(histories)
        self._remember(histories, spreads)
        return scores

    def _remember(self, histories: Sequence[History], spreads: Floats) -> None:
        if len(self._spreads) > REMEMBERED:
            self._spreads.clear()
        self._spreads.update(zip(map(_key, histories), spreads, strict=True))

    def _scored(self, histories: Sequence[History]) -> tuple[Floats, Floats]:
        """Return scores, and how far each history's are spread in each part (histories, parts)."""
        total = np.zeros((len(histories), len(self.popularity)), np.float32)
        spreads = np.ones((len(histories), len(self._parts)), np.float32)
        weights = self._weights_for(histories)
        for place, part in enumerate(self._parts):
            rows = np.flatnonzero(weights[:, place])
            if len(rows) == len(histories):
                scores, spreads[:, place] = _weighed(part, histories, weights[:, place])
                total += scores
            elif len(rows):
                some = [histories[row] for row in rows.tolist()]
                scores, spreads[rows, place] = _weighed(part, some, weights[rows, place])
                total[rows] += scores
        total[self._silent(histories)] = self.popularity
        return total, spreads

    def _silent(self, histories: Sequence[History]) -> NDArray[np.bool_]:
        """Return which histories say nothing of any item."""
        owners = np.repeat(np.arange(len(histories)), [len(each.items) for each in histories])
        items = np.concatenate([NOTHING.items, *(each.items for each in histories)])
        weights = np.concatenate([NOTHING.weights, *(each.weights for each in histories)])
        silent = np.ones(len(histories), bool)
        silent[owners[(items >= 0) & (items < len(self.popularity)) & (weights != 0)]] = False
        return silent

    def alike(self, number: int) -> Floats:
        """See `Scorer`. The parts' similarities, by their weights."""
        return self._mean([part.alike(number) for part in self._parts])

    def pairwise(self, numbers: Sequence[int]) -> Floats:
        """See `Scorer`."""
        return self._mean([part.pairwise(numbers) for part in self._parts])

    def _mean(self, found: Sequence[Floats]) -> Floats:
        weighed = [w * each for w, each in zip(self._weights, found, strict=True)]
        return np.asarray(np.clip(sum(weighed) / self._weights.sum(), -1.0, 1.0), np.float32)

    def contributions(self, history: History, numbers: Sequence[int]) -> Floats:
        """See `Scorer`. Exact, given how far the scores of this history are spread."""
        spreads = self._spreads.get(_key(history))
        if spreads is None:
            spreads = self._scored([history])[1][0]
        total = np.zeros((len(numbers), len(history.items)), np.float32)
        factors = self._weights_for([history])[0] / spreads
        for part, factor in zip(self._parts, factors, strict=True):
            total += factor * part.contributions(history, numbers)
        return total


def is_short(history: History) -> bool:
    """Tell whether a history has so few likes that a blend weighs its parts in another way."""
    return int(np.count_nonzero(history.weights > 0)) <= SHORT


def _key(history: History) -> bytes:
    return history.items.tobytes() + history.weights.tobytes()


def _weighed(part: Scorer, histories: Sequence[History], weights: Floats) -> tuple[Floats, Floats]:
    if isinstance(part, FactorScorer):
        return part.weighed(histories, weights)
    scores = part.score(histories)
    spreads = spread_of(scores)
    scores *= (weights / spreads)[:, None]
    return scores, spreads
