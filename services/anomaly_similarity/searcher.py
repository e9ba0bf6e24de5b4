"""Answers questions for similar cases: an untrained search over all cases of a workspace."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity import directory_repository, repository
from services.anomaly_similarity.answers import DEFAULT_LIMIT, Answer, Filters, Found
from services.anomaly_similarity.conversion import case_of
from services.anomaly_similarity.directory_repository import COMPONENTS
from services.anomaly_similarity.records import Anomaly
from services.anomaly_similarity.repository import CorpusState
from services.anomaly_similarity.search import solutions
from services.anomaly_similarity.search.cases import Case, Corpus
from services.anomaly_similarity.search.index import CaseIndex
from services.anomaly_similarity.search.training import NotEnoughCases, train_on
from services.anomaly_similarity.search.vocabulary import Vocabulary
from services.database import Database

UNTRAINED = "untrained"


@dataclass
class _Held:
    state: CorpusState
    anomalies: dict[str, Anomaly]
    cases: dict[str, Case]
    vocabulary: Vocabulary
    index: CaseIndex | None


class Searcher:
    """One per process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: dict[str, _Held] = {}
        self._building = asyncio.Lock()
        self._searching = asyncio.Lock()

    async def for_anomaly(
        self,
        workspace: str,
        anomaly_id: str,
        *,
        limit: int = DEFAULT_LIMIT,
        filters: Filters = Filters(),  # noqa: B008 - frozen
    ) -> Answer | None:
        """Return what is similar to a recorded anomaly; None where there is no such anomaly."""
        held = await self._follow(workspace)
        case = held.cases.get(anomaly_id)
        if case is None:
            return None
        async with self._searching:
            return await asyncio.to_thread(_answer, held, case, limit, filters)

    async def for_case(
        self,
        workspace: str,
        case: Case,
        *,
        limit: int = DEFAULT_LIMIT,
        filters: Filters = Filters(),  # noqa: B008 - frozen
    ) -> Answer:
        """Return what is similar to a case that is not recorded."""
        held = await self._follow(workspace)
        async with self._searching:
            return await asyncio.to_thread(_answer, held, case, limit, filters)

    async def _follow(self, workspace: str) -> _Held:
        async with self._database.reading(workspace) as connection:
            state = await repository.corpus_state(connection, workspace)
        held = self._held.get(workspace)
        if held is not None and held.state == state:
            return held
        async with self._building, self._database.reading(workspace) as connection:
            state = await repository.corpus_state(connection, workspace)
            held = self._held.get(workspace)
            if held is not None and held.state == state:
                return held
            anomalies, cases = await _all(connection, workspace)
            self._held[workspace] = await asyncio.to_thread(_built, state, anomalies, cases)
            return self._held[workspace]


async def _all(
    connection: AsyncConnection, workspace: str
) -> tuple[dict[str, Anomaly], dict[str, Case]]:
    components = {
        str(each["component_id"]): each
        for each in await directory_repository.changed(connection, workspace, COMPONENTS, -1)
    }
    anomalies: dict[str, Anomaly] = {}
    async for part in repository.changed_anomalies(connection, workspace, -1):
        anomalies |= {each.anomaly_id: each.anomaly for each in part if each.anomaly is not None}
    return anomalies, {i: case_of(each, components) for i, each in anomalies.items()}


def _built(state: CorpusState, anomalies: dict[str, Anomaly], cases: dict[str, Case]) -> _Held:
    try:
        model = train_on(Corpus.of(list(cases.values()))).model
    except NotEnoughCases:
        return _Held(state, anomalies, cases, Vocabulary(), None)
    index = CaseIndex(model)
    index.add(list(cases.values()))
    return _Held(state, anomalies, cases, model.vocabulary, index)


def _answer(held: _Held, case: Case, limit: int, filters: Filters) -> Answer:
    if held.index is None:
        return Answer(cases=[], solutions=[], abstained=True, model_version=UNTRAINED)
    found = held.index.search(case, limit, filters.allow)
    similar = [(match.case, match.similarity) for match in found.matches]
    return Answer(
        cases=[
            Found(
                anomaly=held.anomalies[match.case.anomaly_id],
                similarity=match.similarity,
                reasons=match.reasons,
            )
            for match in found.matches
        ],
        solutions=solutions.rank(similar, [], held.vocabulary, now=datetime.now(UTC)),
        abstained=found.abstained,
        model_version=UNTRAINED,
    )
