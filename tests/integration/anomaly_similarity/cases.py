"""A fleet of machines as it is recorded: see `tests.unit.anomaly_similarity.search.fleet`."""

from __future__ import annotations

from services.anomaly_similarity.schemas import AnomalyBody
from services.anomaly_similarity.search.cases import Case
from services.anomaly_similarity.service import Records
from services.database import Database
from tests.unit.anomaly_similarity.search.fleet import fleet

KEY = ("part", "failure")


def body(case: Case, **more: object) -> AnomalyBody:
    return AnomalyBody(
        description=case.description,
        timestamp=case.timestamp,
        attributes=dict(case.attributes),
        **more,  # type: ignore[arg-type]
    )


async def record_fleet(data: Database, workspace: str, rounds: int = 20) -> None:
    told = [(case.anomaly_id, body(case)) for case in fleet(rounds).cases]
    await Records(data).put(workspace, told)
