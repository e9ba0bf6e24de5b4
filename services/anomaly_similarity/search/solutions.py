"""What fixed similar cases: actions that say the same are one, ranked by how often they worked.

A trial counts by how similar its case is and how much older it is than the newest of those compared:
similarity · ½^(age / half-life). So a fault that was last seen long ago loses nothing. The rank is the lower end of Wilson's 95 % interval (1927) for solved / tried, so that 1 of 1 does not go before 7 of 8.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import sqrt

from services.anomaly_similarity.search.cases import Case
from services.anomaly_similarity.search.vocabulary import Vocabulary

HALF_LIFE = timedelta(days=730)  # machines change with overhauls, which are some two years apart
SAME = 0.6  # share of their words that two actions have in common, to say the same
Z = 1.96  # of a 95 % interval
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Trial:
    """An operator's verdict: the action of this case was tried again, and solved it or did not."""

    case_id: str
    solved: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Solution:
    """An action as its most similar case has it; `tried` and `solved` are counts, `score` in 0..1."""

    text: str
    tried: int
    solved: int
    score: float
    cases: list[str]


@dataclass
class _Group:
    text: str
    words: frozenset[str]
    nearest: float
    cases: list[str] = field(default_factory=list)
    trials: list[tuple[float, bool]] = field(default_factory=list)


def rank(
    similar: Sequence[tuple[Case, float]],
    trials: Iterable[Trial],
    vocabulary: Vocabulary,
) -> list[Solution]:
    """Return the actions of these cases (each with its similarity), the best first.

    A case that is still open is a source of its action and no trial of it.
    """
    of_case: dict[str, list[Trial]] = {case.anomaly_id: [] for case, _ in similar}
    for trial in trials:
        if trial.case_id in of_case:
            of_case[trial.case_id].append(trial)
    times = [case.timestamp for case, _ in similar]
    newest = max([*times, *(each.at for told in of_case.values() for each in told)], default=NEVER)
    groups: list[_Group] = []
    for case, similarity in sorted(similar, key=lambda pair: -pair[1]):
        words = frozenset(vocabulary.read(case.solution))
        if not words:
            continue
        group = _group_of(words, groups) or _Group(case.solution.strip(), words, similarity)
        if not group.cases:
            groups.append(group)
        group.cases.append(case.anomaly_id)
        if case.outcome in ("solved", "not_solved"):
            weight = similarity * _recency(case.timestamp, newest)
            group.trials.append((weight, case.outcome == "solved"))
        for trial in of_case[case.anomaly_id]:
            group.trials.append((_recency(trial.at, newest), trial.solved))
    groups.sort(key=lambda group: (-_score(group), -group.nearest))
    return [_solution(group) for group in groups]


def wilson(solved: float, tried: float) -> float:
    """Return the lower end of the interval for a share; 0 where nothing was tried."""
    if tried <= 0:
        return 0.0
    spread = solved * max(0.0, 1 - solved / tried)  # tried · share · (1 - share)
    low = solved + Z**2 / 2 - Z * sqrt(spread + Z**2 / 4)
    return min(1.0, max(0.0, low / (tried + Z**2)))


def _group_of(words: frozenset[str], groups: Sequence[_Group]) -> _Group | None:
    for group in groups:
        if len(words & group.words) >= SAME * len(words | group.words):
            return group
    return None


def _recency(at: datetime, newest: datetime) -> float:
    return float(0.5 ** ((newest - at) / HALF_LIFE))


def _score(group: _Group) -> float:
    solved = sum(weight for weight, good in group.trials if good)
    return wilson(solved, sum(weight for weight, _ in group.trials))


def _solution(group: _Group) -> Solution:
    solved = sum(good for _, good in group.trials)
    return Solution(group.text, len(group.trials), solved, _score(group), group.cases)
