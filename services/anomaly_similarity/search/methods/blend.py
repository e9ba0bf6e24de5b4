"""A weighted sum of methods.

The scores are taken as they are and not standardised for each query: a method that says little of a query
then says it quietly. On the work orders a blend of `labels` and `lsa` has P@1 .86 so, and .81 standardised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from services.anomaly_similarity.search.cases import Case, Floats
from services.anomaly_similarity.search.methods.interface import Method, Reason, ordered


class Blend:
    """One method or more; one of weight 0 is there for `scores` alone."""

    def __init__(self, parts: Mapping[str, Method], weights: Mapping[str, float]) -> None:
        if not weights or set(weights) - set(parts):
            raise ValueError("A blend has one method at least, and no weight without a method.")
        self._parts = {name: parts[name] for name in weights}
        self._weights = dict(weights)

    @property
    def size(self) -> int:
        """See `Method`."""
        return min(part.size for part in self._parts.values())

    def add(self, cases: Sequence[Case]) -> None:
        """See `Method`."""
        for part in self._parts.values():
            part.add(cases)

    def score(self, queries: Sequence[Case]) -> Floats:
        """See `Method`."""
        return self.combine(self.scores(queries))

    def scores(self, queries: Sequence[Case]) -> dict[str, Floats]:
        """Return each method's own scores (queries, size)."""
        return {name: part.score(queries) for name, part in self._parts.items()}

    def combine(self, scores: Mapping[str, Floats]) -> Floats:
        """Return the blend of scores that are there already."""
        return combined(scores, self._weights)

    def reasons(self, query: Case, number: int) -> list[Reason]:
        """See `Method`."""
        found: dict[tuple[str, str], float] = {}
        for name, weight in self._weights.items():
            for reason in self._parts[name].reasons(query, number) if weight else ():
                token = (reason.field, reason.term)
                found[token] = found.get(token, 0.0) + weight * reason.contribution
        return ordered(found)


def combined(scores: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """Return the weighted sum of scores (queries, size)."""
    total = np.zeros_like(next(iter(scores.values())))
    for name, weight in weights.items():
        if weight:
            total += np.float32(weight) * scores[name]
    return total
