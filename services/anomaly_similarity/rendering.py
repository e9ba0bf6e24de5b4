"""From what the search found to the answer that clients get, as ready bytes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity import answer_schemas as schemas
from services.anomaly_similarity import directory_repository
from services.anomaly_similarity.answers import Answer
from services.anomaly_similarity.answers import Found as Case
from services.anomaly_similarity.directory_repository import COMPONENTS, PROFILES, Kind, Named


async def done(
    connection: AsyncConnection, workspace: str, user_name: str, answer: Answer, at: datetime
) -> str:
    """Return the answer as JSON, with what the directory knows of the components and people that it names."""
    cases = [found.anomaly for found in answer.cases]
    components = await directory_repository.by_id(
        connection, workspace, COMPONENTS, sorted({i for each in cases for i in each.component_ids})
    )
    people = await directory_repository.by_id(
        connection, workspace, PROFILES, sorted({i for each in cases for i in each.user_names})
    )
    found = schemas.Found(
        user_name=user_name,
        anomalies=[_similar(each, components, people) for each in answer.cases],
        solutions=[
            schemas.Solution.model_validate(
                {
                    "text": each.text,
                    "tried": each.tried,
                    "solved": each.solved,
                    "score": each.score,
                    "from": list(each.cases),
                }
            )
            for each in answer.solutions
        ],
    )
    return schemas.Done(
        status="done",
        search_results=[found],
        abstained=answer.abstained,
        model_version=answer.model_version,
        computed_at=at,
    ).model_dump_json(by_alias=True)


def failed(error: str) -> str:
    """Return as JSON that there is no answer."""
    return schemas.Failed(status="failed", error=error).model_dump_json()


def _similar(
    found: Case, components: Mapping[str, Named], people: Mapping[str, Named]
) -> schemas.Similar:
    anomaly = found.anomaly
    return schemas.Similar(
        anomaly_id=anomaly.anomaly_id,
        description=anomaly.description,
        severity=anomaly.severity,
        timestamp=anomaly.occurred_at,
        recommended_product=anomaly.recommended_product,
        user_names=[
            schemas.Person.model_validate(_known(PROFILES, people, each))
            for each in anomaly.user_names
        ],
        components=[
            schemas.Component.model_validate(_known(COMPONENTS, components, each))
            for each in anomaly.component_ids
        ],
        solution=anomaly.solution,
        similarity=found.similarity,
        reasons=[
            schemas.Reason(field=each.field, term=each.term, contribution=float(each.contribution))
            for each in found.reasons
        ],
    )


def _known(kind: Kind, known: Mapping[str, Named], identifier: str) -> Named:
    """Return the record; of one that was deleted this moment, what is left: its id."""
    return known.get(identifier) or dict.fromkeys(kind.fields) | {kind.key: identifier}
