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
        scores = {
            name: self._parts[name].score(queries)
            for name, weight in self._weights.items()
            if weight
        }
        return combined(scores, self._weights)

    def score_of(self, query: Case, numbers: Sequence[int]) -> Floats:
        """See `Method`."""
        return combined(self.scores_of(query, numbers), self._weights)

    def scores_of(self, query: Case, numbers: Sequence[int]) -> dict[str, Floats]:
        """Return what each method says of these cases (n,), one of weight 0 too."""
        return {name: part.score_of(query, numbers) for name, part in self._parts.items()}

    def likeness(self, numbers: Sequence[int], others: Sequence[int]) -> Floats:
        """See `Method`. The weighted mean of the methods' cosines."""
        found = {name: part.likeness(numbers, others) for name, part in self._counting().items()}
        return combined(found, self._weights) / np.float32(sum(self._weights.values()))

    def reasons(self, query: Case, numbers: Sequence[int]) -> list[list[Reason]]:
        """See `Method`."""
        found: list[dict[tuple[str, str], float]] = [{} for _ in numbers]
        for name, part in self._counting().items():
            for shares, reasons in zip(found, part.reasons(query, numbers), strict=True):
                for reason in reasons:
                    token = (reason.field, reason.term)
                    added = self._weights[name] * reason.contribution
                    shares[token] = shares.get(token, 0.0) + added
        return [ordered(shares) for shares in found]

    def _counting(self) -> dict[str, Method]:
        return {name: part for name, part in self._parts.items() if self._weights[name]}


def combined(scores: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """Return the weighted sum of scores (queries, size)."""
    total = np.zeros_like(next(iter(scores.values())))
    for name, weight in weights.items():
        if weight:
            total += np.float32(weight) * scores[name]
    return total
