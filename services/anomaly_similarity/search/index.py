"""Past cases, ready to be searched: what is added is found at once, what is removed never again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.anomaly_similarity.search.cases import Case, Floats
from services.anomaly_similarity.search.methods.interface import Reason
from services.anomaly_similarity.search.model import Model
from services.anomaly_similarity.search.neighbours import ASKED, UNDISPUTED, highest, undisputed

MOST_REASONS = 10  # of a match, the greatest
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

    @property
    def rows(self) -> int:
        """Return how many rows are held, those of cases that were removed or replaced too."""
        return len(self._cases)

    def add(self, cases: Sequence[Case]) -> None:
        """Make cases searchable; one that is there already is replaced."""
        fresh = list({case.anomaly_id: case for case in cases}.values())
        self.remove(case.anomaly_id for case in fresh)
        start = len(self._cases)
        self._blend.add(fresh)
        self._cases.extend(fresh)
        self._numbers.update({case.anomaly_id: start + i for i, case in enumerate(fresh)})

    def remove(self, anomaly_ids: Iterable[str]) -> None:
        """Take these cases out; their rows stay."""
        for anomaly_id in anomaly_ids:
            number = self._numbers.pop(anomaly_id, None)
            if number is not None:
                self._cases[number] = None

    def search(
        self, query: Case, limit: int, allowed: Callable[[Case], bool] | None = None
    ) -> Answer:
        """Return the `limit` best cases but the query itself, of those that are `allowed`."""
        scores = self._blend.score([query])[0]
        best = highest(scores, MARGIN * (limit + 1)).tolist()
        order = self._order(query, scores, best, limit, allowed)
        if not order:
            return Answer([], True)
        asked = [number for number in best if self._shown(number, query, None)][:ASKED]
        likely = self._probabilities(query, scores, order, asked)
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
        best: Sequence[int],
        limit: int,
        allowed: Callable[[Case], bool] | None,
    ) -> list[int]:
        """Return the numbers of the best cases, the best first, of equal ones the one added last."""
        found = [each for each in best if self._shown(each, query, allowed)]
        if len(found) < limit and len(best) < len(scores):
            # Few are allowed: to ask of all once costs less than to sort them.
            every = [each for each in range(len(scores)) if self._shown(each, query, allowed)]
            shown = np.array(every, np.intp)
            found = shown[highest(scores[shown], limit)].tolist()
        return found[:limit]

    def _probabilities(
        self, query: Case, scores: Floats, order: Sequence[int], asked: Sequence[int]
    ) -> NDArray[np.float64]:
        told = self._blend.scores_of(query, order)
        if self._model.calibration.measured:
            likeness = self._blend.likeness(order, asked)
            told[UNDISPUTED] = undisputed(scores[list(order)], scores[list(asked)], likeness)
        likely = self._model.calibration.probability(told)
        # What has nothing in common is not similar, whatever was learned from cases that have.
        return np.where(scores[list(order)] > 0, likely, 0.0)

    def _shown(self, number: int, query: Case, allowed: Callable[[Case], bool] | None) -> bool:
        case = self._cases[number]
        if case is None or case.anomaly_id == query.anomaly_id:
            return False
        return allowed is None or allowed(case)
