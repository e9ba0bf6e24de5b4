"""Past cases, ready to be searched: what is added is found at once, what is removed never again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from services.anomaly_similarity.search.cases import Case, Floats
from services.anomaly_similarity.search.evaluation import Numbers
from services.anomaly_similarity.search.methods.interface import Reason
from services.anomaly_similarity.search.model import Model

MOST_REASONS = 10  # of a match, the greatest
BLOCK = 256  # scores of which one maximum is taken
MARGIN = 20  # times as many as are wanted are looked at first: removed ones, and some that are not allowed


@dataclass(frozen=True, slots=True)
class Match:
    """A past case; `similarity` is the probability that an operator would call it similar."""

    case: Case
    similarity: float
    reasons: list[Reason]


@dataclass(frozen=True, slots=True)
class Answer:
    """The best cases first. `abstained`: even the first one is not likely enough to be called similar."""

    matches: list[Match]
    abstained: bool


class CaseIndex:
    """The cases of a workspace under one model. One thread at a time."""

    def __init__(self, model: Model) -> None:
        self._model, self._blend = model, model.blend()
        self._cases: list[Case | None] = []  # None: removed, or added anew
        self._numbers: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many cases can be found."""
        return len(self._numbers)

    def add(self, cases: Sequence[Case]) -> None:
        """Make cases searchable; one that is there already is replaced."""
        fresh = list({case.anomaly_id: case for case in cases}.values())
        self.remove(case.anomaly_id for case in fresh)
        start = len(self._cases)
        self._blend.add(fresh)
        self._cases.extend(fresh)
        self._numbers.update({case.anomaly_id: start + i for i, case in enumerate(fresh)})

    def remove(self, anomaly_ids: Iterable[str]) -> None:
        """Take these cases out; their rows go with the next load of a model."""
        for anomaly_id in anomaly_ids:
            number = self._numbers.pop(anomaly_id, None)
            if number is not None:
                self._cases[number] = None

    def search(
        self, query: Case, limit: int, allowed: Callable[[Case], bool] | None = None
    ) -> Answer:
        """Return the `limit` best cases but the query itself, of those that are `allowed`."""
        order = self._order(query, self._blend.score([query])[0], limit, allowed)
        if not order:
            return Answer([], True)
        likely = self._model.calibration.probability(self._blend.scores_of(query, order))
        similarities = np.minimum.accumulate(likely).tolist()  # none above one that goes before it
        reasons = self._blend.reasons(query, order)
        matches = [
            Match(case, similarity, why[:MOST_REASONS])
            for number, similarity, why in zip(order, similarities, reasons, strict=True)
            if (case := self._cases[number]) is not None
        ]
        return Answer(matches, similarities[0] < self._model.calibration.threshold)

    def _order(
        self,
        query: Case,
        scores: Floats,
        limit: int,
        allowed: Callable[[Case], bool] | None,
    ) -> list[int]:
        """Return the numbers of the best cases, the best first, of equal ones the one added last."""
        best = highest(scores, MARGIN * (limit + 1))
        found = [each for each in best.tolist() if self._shown(each, query, allowed)]
        if len(found) < limit and len(best) < len(scores):
            # Few are allowed: to ask of all once costs less than to sort them.
            every = [each for each in range(len(scores)) if self._shown(each, query, allowed)]
            shown = np.array(every, np.intp)
            found = shown[highest(scores[shown], limit)].tolist()
        return found[:limit]

    def _shown(self, number: int, query: Case, allowed: Callable[[Case], bool] | None) -> bool:
        case = self._cases[number]
        if case is None or case.anomaly_id == query.anomaly_id:
            return False
        return allowed is None or allowed(case)


def highest(scores: Floats, count: int) -> Numbers:
    """Return the places of the `count` highest scores, the highest first, of equal ones the last first.

    The count-th highest maximum of blocks is not above the count-th highest score: what is below it is not
    looked at, which spares all but a few blocks.
    """
    places = np.arange(len(scores))
    if 0 < count <= len(scores) // BLOCK:
        whole = scores[: len(scores) // BLOCK * BLOCK].reshape(-1, BLOCK).max(axis=1)
        places = np.flatnonzero(scores >= np.partition(whole, -count)[-count])
    count = min(count, len(places))
    if not count:
        return places[:0]
    found = scores[places]
    last = np.partition(found, -count)[-count]
    above, equal = places[found > last], places[found == last]
    places = np.concatenate([above, equal[len(equal) - (count - len(above)) :]])
    order: Numbers = places[np.lexsort((-places, -scores[places]))]
    return order
