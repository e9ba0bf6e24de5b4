"""What came of a training, as its callers and its report page get it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from services.model_store import Data
from services.recommendations.candidates import Candidate
from services.recommendations.criteria import Criterion
from services.recommendations.evaluation import Interval, Measures, interval
from services.recommendations.searching import Trial


@dataclass(frozen=True)
class Row:
    """The best of a kind of model: how it did on the hold-out, for those who judge.

    `seconds` is what its trials and its judging took, `chosen_by` its score for those who choose (None:
    too few people), `trials` every point of its grid that was tried, in order.
    """

    model: str
    measures: Measures
    seconds: float
    parameters: Mapping[str, Any]
    chosen_by: float | None
    trials: Sequence[Trial]
    interval: Interval | None = None  # 95 % bootstrap, of the NDCG@10

    @staticmethod
    def of(candidate: Candidate) -> Row:
        """Return what is worth telling of a candidate."""
        return Row(
            candidate.name,
            candidate.evaluation.measures,
            candidate.seconds,
            dict(candidate.fitted.parameters),
            candidate.chosen_by,
            candidate.trials,
            interval(candidate.evaluation.ndcg),
        )


@dataclass(frozen=True)
class TrainingReport:
    """What came of a training.

    `criterion` is by what models were chosen; `advantage` is the chosen model's minus popularity's, with
    its 95 % interval; `champion` is
    how the version that served before did, where that could be compared, and `champion_advantage` the
    same difference to it; `reason` is why the new one was promoted, or was not; `choosers` and `judges`
    are people; `notes` are sentences that somebody should read.
    """

    rows: Sequence[Row]
    champion: Measures | None
    champion_advantage: Interval | None
    chosen: str
    version: str
    promoted: bool
    reason: str
    advantage: Interval
    criterion: Criterion
    protocol: str
    choosers: int
    judges: int
    data: Data
    notes: Sequence[str]


def finite(interval: Interval | None) -> Interval | None:
    """Return the interval, or None where there was nobody to take it from."""
    return interval if interval is not None and all(map(math.isfinite, interval)) else None


def plain(measures: Measures) -> dict[str, Any]:
    """Return the measures as JSON can hold them: there is no NaN in it."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in asdict(measures).items()
    }
