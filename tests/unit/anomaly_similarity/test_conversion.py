"""Anomalies become cases."""

from datetime import UTC, datetime

from services.anomaly_similarity.conversion import case_of, completed
from services.anomaly_similarity.records import Anomaly

COMPONENTS = {
    "p1": {"component_id": "p1", "component_type": "pump", "location": "roof"},
    "p2": {"component_id": "p2", "component_type": "pump", "location": None},
}
ANOMALY = Anomaly(
    anomaly_id="a",
    description="Leaks",
    occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
    recommended_product="X1",
    component_ids=("p1", "p2", "p3"),
    attributes={"urgent": True, "hours": 4, "cost": 1.5, "part": "seal"},
)


def test_a_case_has_what_is_known_and_empty_texts_for_the_rest():
    case = case_of(ANOMALY, COMPONENTS)

    assert (case.product, case.severity, case.solution) == ("X1", "", "")
    assert case.attributes == {"urgent": "true", "hours": "4", "cost": "1.5", "part": "seal"}


def test_types_and_places_come_from_the_components_each_once():
    case = case_of(ANOMALY, COMPONENTS)

    assert (case.component_types, case.locations) == (("pump",), ("roof",))
    assert completed(case, {}).component_types == ()
    assert completed(case, COMPONENTS) is case
