"""What a question for similar cases is, and its answer: between those who ask and the one who searches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.anomaly_similarity.records import Anomaly
from services.anomaly_similarity.search.cases import Case
from services.anomaly_similarity.search.methods.interface import Reason
from services.anomaly_similarity.search.solutions import Solution

DEFAULT_LIMIT = 5  # cases that an operator looks at


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which past cases may be found; None: all."""

    severity: str | None = None
    component: str | None = None
    product: str | None = None
    since: datetime | None = None
    before: datetime | None = None

    def allow(self, case: Case) -> bool:
        """Tell whether this case may be found."""
        return (
            self.severity in (None, case.severity)
            and self.product in (None, case.product)
            and (self.component is None or self.component in case.component_ids)
            and (self.since is None or case.timestamp >= self.since)
            and (self.before is None or case.timestamp < self.before)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A past case as it is stored; `similarity` in 0..1 is how likely an operator would call it similar."""

    anomaly: Anomaly
    similarity: float
    reasons: Sequence[Reason]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Past cases, the best first, and what fixed them, the best first.

    `abstained`: no case is likely enough to be called similar.
    """

    cases: Sequence[Found]
    solutions: Sequence[Solution]
    abstained: bool
    model_version: str
