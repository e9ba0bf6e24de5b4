"""What is recorded: anomalies, and the components and people that they name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Outcome = Literal["open", "solved", "not_solved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """An anomaly as it is stored; the ids that it names are in order, each once."""

    anomaly_id: str
    description: str
    occurred_at: datetime
    severity: str | None = None
    recommended_product: str | None = None
    solution: str | None = None
    outcome: Outcome = "open"
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    component_ids: tuple[str, ...] = ()
    user_names: tuple[str, ...] = ()

    def says_the_same(self, other: Anomaly) -> bool:
        """Tell whether nothing differs; 1, 1.0 and true are three values here."""
        return self == other and repr(self.attributes) == repr(other.attributes)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detection:
    """What a detector found: channels, the strongest first, and the first one's `shape`, (points,).

    `task_result_id`: the search for similar anomalies that it started.
    """

    series: str
    channels: tuple[str, ...]
    began_at: datetime
    ended_at: datetime
    detector: str
    shape: NDArray[np.float64]
    task_result_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """An anomaly that changed; None where it was deleted."""

    anomaly_id: str
    anomaly: Anomaly | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of records that were written."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
