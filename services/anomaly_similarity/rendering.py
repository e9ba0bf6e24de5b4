"""From what the search found to the answer that clients get, as ready bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity import answer_schemas as schemas
from services.anomaly_similarity import directory_repository
from services.anomaly_similarity.answers import Answer
from services.anomaly_similarity.answers import Found as Case
from services.anomaly_similarity.directory_repository import COMPONENTS, PROFILES, Kind, Named
from services.anomaly_similarity.search.solutions import Solution


@dataclass(frozen=True, slots=True)
class Known:
    """What the directory knows of the components and people that answers name, by id."""

    components: Mapping[str, Named]
    people: Mapping[str, Named]


async def known_of(connection: AsyncConnection, workspace: str, answers: Iterable[Answer]) -> Known:
    """Look up what these answers name."""
    cases = [found.anomaly for answer in answers for found in answer.cases]
    components = sorted({name for each in cases for name in each.component_ids})
    people = sorted({name for each in cases for name in each.user_names})
    by_id = directory_repository.by_id
    return Known(
        await by_id(connection, workspace, COMPONENTS, components),
        await by_id(connection, workspace, PROFILES, people),
    )


def done(answer: Answer, known: Known, *, user_name: str, at: datetime) -> str:
    """Return the answer as JSON."""
    found = schemas.Found(
        user_name=user_name,
        anomalies=[_similar(each, known) for each in answer.cases],
        solutions=[_solution(each) for each in answer.solutions],
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


def _similar(found: Case, known: Known) -> schemas.Similar:
    anomaly = found.anomaly
    people = [_known(PROFILES, known.people, each) for each in anomaly.user_names]
    components = [_known(COMPONENTS, known.components, each) for each in anomaly.component_ids]
    return schemas.Similar(
        anomaly_id=anomaly.anomaly_id,
        description=anomaly.description,
        severity=anomaly.severity,
        timestamp=anomaly.occurred_at,
        recommended_product=anomaly.recommended_product,
        user_names=[schemas.Person.model_validate(each) for each in people],
        components=[schemas.Component.model_validate(each) for each in components],
        solution=anomaly.solution,
        similarity=found.similarity,
        reasons=[
            schemas.Reason(field=each.field, term=each.term, contribution=float(each.contribution))
            for each in found.reasons
        ],
    )


def _solution(found: Solution) -> schemas.Solution:
    told = {
        "text": found.text,
        "tried": found.tried,
        "solved": found.solved,
        "score": found.score,
        "from": list(found.cases),
    }
    return schemas.Solution.model_validate(told)


def _known(kind: Kind, known: Mapping[str, Named], identifier: str) -> Named:
    """Return the record; of one that was deleted this moment, what is left: its id."""
    return known.get(identifier) or dict.fromkeys(kind.fields) | {kind.key: identifier}
