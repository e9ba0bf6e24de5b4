"""Past cases, ready to be searched: what is added is found at once, what is removed never again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from services.anomaly_similarity.search.cases import Case
from services.anomaly_similarity.search.methods.interface import Reason
from services.anomaly_similarity.search.model import Model

MOST_REASONS = 10  # of a match, the greatest


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
        queries = [query]
        scores = self._blend.scores(queries)
        order = self._order(query, self._blend.combine(scores)[0], limit, allowed)
        if not order:
            return Answer([], True)
        best = {name: each[0, order] for name, each in scores.items()}
        likely = self._model.calibration.probability(best)
        similarities = np.minimum.accumulate(likely).tolist()  # none above one that goes before it
        matches = [
            Match(case, similarity, self._blend.reasons(query, number)[:MOST_REASONS])
            for number, similarity in zip(order, similarities, strict=True)
            if (case := self._cases[number]) is not None
        ]
        return Answer(matches, similarities[0] < self._model.calibration.threshold)

    def _order(
        self,
        query: Case,
        scores: np.ndarray[tuple[int], np.dtype[np.float32]],
        limit: int,
        allowed: Callable[[Case], bool] | None,
    ) -> list[int]:
        """Return the numbers of the best cases, the best first, of equal ones the one added last."""
        wanted = limit
        while True:
            count = min(wanted, len(scores))
            best = np.argpartition(-scores, count - 1)[:count] if count else np.zeros(0, np.intp)
            best = best[np.lexsort((-best, -scores[best]))]
            found = [number for number in best.tolist() if self._shown(number, query, allowed)]
            if len(found) >= limit or count == len(scores):
                return found[:limit]
            wanted = (
                4 * wanted + 4
            )  # those removed, not allowed, and the query itself were in the way

    def _shown(self, number: int, query: Case, allowed: Callable[[Case], bool] | None) -> bool:
        case = self._cases[number]
        if case is None or case.anomaly_id == query.anomaly_id:
            return False
        return allowed is None or allowed(case)
