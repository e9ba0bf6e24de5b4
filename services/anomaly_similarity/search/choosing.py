"""Which method, or which blend of methods: what ranks best on validation, the simpler of what is equal.

A method that learned from the key is at its best on what the key names. Most cases of a plant may be of other
kinds, which nobody can judge by. Therefore each query is judged twice, as it is and with all that the key says
of its kind hidden from what was fitted, and both count as often as such cases are there (`hidden_share`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from services.anomaly_similarity.search.cases import Floats
from services.anomaly_similarity.search.evaluation import Doubles, Task, judge
from services.anomaly_similarity.search.methods.blend import combined

SHARES = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5)  # of a method that joins, the first one's being 1
MOST_PARTS = 3  # a fourth gains nothing that a few hundred queries could tell from chance
ERRORS = 1.0  # standard errors by which a part must raise the mean reciprocal rank
TINY = 1e-6


@dataclass(frozen=True)
class Choice:
    """What is chosen from: scores (queries, cases) by method, as they are and with the kind hidden."""

    task: Task
    scores: Mapping[str, Floats]
    hidden: Mapping[str, Floats]
    hidden_share: float

    def reciprocal(self, weights: Mapping[str, float]) -> Doubles:
        """Return what counts of each query (n,): its reciprocal ranks, weighed."""
        known = judge(combined(self.scores, weights), self.task).reciprocal
        if not self.hidden_share:
            return known
        hidden = judge(combined(self.hidden, weights), self.task).reciprocal
        return (1 - self.hidden_share) * known + self.hidden_share * hidden

    def scale(self, name: str) -> float:
        """Return how far a method's scores of a query spread, on the whole."""
        return max(TINY, float(self.scores[name].std(axis=1).mean()))


def choose(given: Choice) -> dict[str, float]:
    """Return weights by method: the best one alone (1), and what joins it with a gain above chance.

    Weights are of scores as they are: one that says little of a query then says it quietly.
    """
    alone = {name: given.reciprocal({name: 1.0}) for name in given.scores}
    first = max(alone, key=lambda name: float(alone[name].mean()))
    weights, held = {first: 1.0}, alone[first]
    while len(weights) < min(MOST_PARTS, len(given.scores)):
        tried = [(each, given.reciprocal(each)) for each in _joined(given, weights, first)]
        best, found = max(tried, key=lambda pair: float(pair[1].mean()))
        if not _gains(found, held):
            break
        weights, held = best, found
    return weights


def _joined(given: Choice, weights: Mapping[str, float], first: str) -> Iterator[dict[str, float]]:
    for name in given.scores:
        if name not in weights:
            unit = given.scale(first) / given.scale(name)
            yield from ({**weights, name: share * unit} for share in SHARES)


def _gains(challenger: Doubles, champion: Doubles) -> bool:
    gain = challenger - champion
    error = gain.std() / np.sqrt(max(1, len(gain)))
    return bool(gain.mean() > ERRORS * error)
