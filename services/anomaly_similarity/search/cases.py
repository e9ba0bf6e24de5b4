"""Anomalies as the search sees them: plain values, ordered in time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.anomaly_similarity.search.text import fold

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
OF_COMPONENT = frozenset({"component_type", "location"})  # which a component would be known by
UNKNOWN = -1  # a case without a label, and a pair that nobody judged


@dataclass(frozen=True, slots=True)
class Case:
    """One anomaly. Texts are as they were written; `shape` is one channel of measurements (length,)."""

    anomaly_id: str
    description: str
    timestamp: datetime
    severity: str = ""
    product: str = ""
    component_ids: tuple[str, ...] = ()
    component_types: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    solution: str = ""
    outcome: str = "open"
    attributes: Mapping[str, str] = field(default_factory=dict)
    shape: NDArray[Any] | None = None

    def value(self, name: str) -> str:
        """Return an attribute, or else a field that two cases can have in common; empty where unknown."""
        fields = {
            "severity": self.severity,
            "product": self.product,
            "component": ";".join(self.component_ids),
        }
        return self.attributes.get(name, fields.get(name, ""))

    def without(self, names: Collection[str]) -> Case:
        """Return the case without these values."""
        return replace(
            self,
            severity="" if "severity" in names else self.severity,
            product="" if "product" in names else self.product,
            component_ids=() if "component" in names else self.component_ids,
            attributes={k: v for k, v in self.attributes.items() if k not in names},
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an operator said of a case that was shown for another."""

    query_id: str
    case_id: str
    useful: bool


@dataclass(frozen=True)
class Corpus:
    """Cases, the oldest first, and what tells which of them are alike.

    Two cases are relevant to each other when all attributes of `key` (`component`, `product` and `severity`
    count as such) are equal and not empty. A verdict goes before the key. `late` are attributes that nobody
    knows when a case is asked for (what was done, who found out): neither these nor the key are searched by.
    """

    cases: Sequence[Case]
    key: tuple[str, ...] = ()
    verdicts: Sequence[Verdict] = ()
    late: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        cases: Sequence[Case],
        *,
        key: tuple[str, ...] = (),
        verdicts: Sequence[Verdict] = (),
        late: Sequence[str] = (),
    ) -> Corpus:
        """Return the corpus of cases in any order; equal times are ordered by id."""
        ordered = sorted(cases, key=lambda case: (case.timestamp, case.anomaly_id))
        return cls(ordered, key, verdicts, frozenset(late))

    @property
    def unsearched(self) -> frozenset[str]:
        """Return the attributes that are not searched by."""
        names = self.late | frozenset(self.key)
        return names | OF_COMPONENT if "component" in names else names

    def before(self, count: int) -> Corpus:
        """Return the corpus of the `count` oldest cases."""
        return Corpus(self.cases[:count], self.key, self.verdicts, self.late)

    def without_key(self, places: Sequence[int]) -> Corpus:
        """Return the corpus, the cases at these places without their values of the key."""
        cases = list(self.cases)
        for place in places:
            cases[place] = cases[place].without(self.key)
        return replace(self, cases=cases)

    def values(self, name: str) -> Ints:
        """Return (n,): a number for each value of this attribute, `UNKNOWN` where there is none."""
        return _numbered([fold(case.value(name)) for case in self.cases])

    def labels(self) -> Ints:
        """Return (n,): equal numbers for cases that are relevant to each other by the key."""
        found = np.zeros(len(self.cases), np.int64) if self.key else np.full(len(self.cases), -1)
        for name in self.key:
            values = self.values(name).astype(np.int64)
            found = np.where((found < 0) | (values < 0), -1, found * (len(values) + 1) + values)
            found = np.where(found < 0, -1, np.unique(found, return_inverse=True)[1])
        return found.astype(np.int32)


def _numbered(values: Sequence[str]) -> Ints:
    numbers: dict[str, int] = {"": UNKNOWN}
    return np.array([numbers.setdefault(value, len(numbers) - 1) for value in values], np.int32)
