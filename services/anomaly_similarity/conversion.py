"""From anomalies as they are stored to cases as the search sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from services.anomaly_similarity.directory_repository import Named
from services.anomaly_similarity.records import Anomaly
from services.anomaly_similarity.search.cases import Case


def case_of(
    anomaly: Anomaly, components: Mapping[str, Named], shape: NDArray[Any] | None = None
) -> Case:
    """Return the case of an anomaly; `components` are those that are known, by id."""
    case = Case(
        anomaly_id=anomaly.anomaly_id,
        description=anomaly.description,
        timestamp=anomaly.occurred_at,
        severity=anomaly.severity or "",
        product=anomaly.recommended_product or "",
        component_ids=anomaly.component_ids,
        solution=anomaly.solution or "",
        outcome=anomaly.outcome,
        attributes={name: _text(value) for name, value in anomaly.attributes.items()},
        shape=shape,
    )
    return completed(case, components)


def completed(case: Case, components: Mapping[str, Named]) -> Case:
    """Return the case with the types and places of the components that it names."""
    named = [components[each] for each in case.component_ids if each in components]
    types, places = _told(named, "component_type"), _told(named, "location")
    if (types, places) == (case.component_types, case.locations):
        return case
    return replace(case, component_types=types, locations=places)


def _told(named: list[Named], field: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for each in named if (value := each.get(field))))


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
