"""What verdicts mean: for the next answer, for the ranking of solutions, for training, and for how good answers are.

Of several users the last word counts. All functions take verdicts as `verdict_repository` returns them: each
user's latest on a case for an anomaly, the oldest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from services.anomaly_similarity.search.cases import Verdict
from services.anomaly_similarity.search.solutions import Trial
from services.anomaly_similarity.verdict_repository import StoredVerdict

Rank = Literal["1", "2-5", "beyond", "unknown"]
FIRST_PAGE = 5  # cases that an operator looks at


def left_out(of_anomaly: Iterable[StoredVerdict]) -> set[str]:
    """Return the cases that are not to be shown for the anomaly: those last called not useful."""
    return {each.case_id for each in pairs(of_anomaly) if not each.useful}


def trials(on_cases: Iterable[StoredVerdict]) -> list[Trial]:
    """Return what was tried: one trial for each anomaly and case of which anybody said whether it solved it.

    Who says no more than "useful" after another one's "solved" does not take it back.
    """
    told = {
        (each.anomaly_id, each.similar_anomaly_id): Trial(
            each.similar_anomaly_id, each.solved, each.recorded_at
        )
        for each in on_cases
        if each.solved is not None
    }
    return list(told.values())


def pairs(verdicts: Iterable[StoredVerdict]) -> list[Verdict]:
    """Return the labelled pairs for training: each anomaly and case once, as the last word has it."""
    told = {
        (each.anomaly_id, each.similar_anomaly_id): Verdict(
            each.anomaly_id, each.similar_anomaly_id, each.useful
        )
        for each in verdicts
    }
    return list(told.values())


def rank(case_id: str, shown: Sequence[str]) -> Rank:
    """Return where the case stood in the answer that showed these, the best first; "unknown": nowhere."""
    if case_id not in shown:
        return "unknown"
    place = shown.index(case_id)
    if place == 0:
        return "1"
    return "2-5" if place < FIRST_PAGE else "beyond"
