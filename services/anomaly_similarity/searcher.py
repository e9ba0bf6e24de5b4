"""Who answers which past cases are similar, and what fixed them."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity import repository, verdict_repository
from services.anomaly_similarity.answers import DEFAULT_LIMIT, Answer, Filters, Found
from services.anomaly_similarity.conversion import completed
from services.anomaly_similarity.loading import ModelLoader
from services.anomaly_similarity.search import solutions
from services.anomaly_similarity.search.cases import Case
from services.anomaly_similarity.search.index import Match
from services.anomaly_similarity.search.vocabulary import Vocabulary
from services.anomaly_similarity.serving import Workspace
from services.anomaly_similarity.verdicts import left_out, trials
from services.database import Database
from services.model_store import ModelStore

log = logging.getLogger(__name__)

# Cases whose actions are ranked, however few are shown: five rarely tell more than one action twice.
ASKED_FOR_SOLUTIONS = 20

answered = Counter(
    "akin_similarity_answers",
    "Questions for similar anomalies by what they came to: similar, abstained, failed.",
    ["outcome"],
)


class Searcher:
    """Answers for the workspaces of this process, of which at most `maximum` are held in memory."""

    def __init__(
        self,
        database: Database,
        store: ModelStore,
        *,
        maximum: int = 8,
        embeddings: Path | None = None,
    ) -> None:
        self._database = database
        self._loader = ModelLoader(store, embeddings=embeddings)
        self._maximum = maximum
        self._held: OrderedDict[str, Workspace] = OrderedDict()

    async def for_anomaly(
        self,
        workspace: str,
        anomaly_id: str,
        *,
        limit: int = DEFAULT_LIMIT,
        filters: Filters = Filters(),  # noqa: B008 - frozen
    ) -> Answer | None:
        """Return what is similar to a stored anomaly; None where there is no such one.

        What was recorded before the call can be found. What an operator called not useful for this very
        anomaly is left out.

        Raises:
            DatabaseUnavailable: repeat it later.
        """
        held = self._get(workspace)
        await held.follow()
        case = held.records.cases.get(anomaly_id)
        if case is None:
            return None
        async with self._database.reading(workspace) as connection:
            told = await verdict_repository.of_anomaly(connection, workspace, anomaly_id)
        return await self._answer(held, case, limit, filters, frozenset(left_out(told)))

    async def for_case(
        self,
        workspace: str,
        case: Case,
        *,
        limit: int = DEFAULT_LIMIT,
        filters: Filters = Filters(),  # noqa: B008 - frozen
    ) -> Answer:
        """Return what is similar to a case that is not stored; see `for_anomaly`.

        Types and places of the components that it names are filled in.
        """
        held = self._get(workspace)
        await held.follow()
        known = completed(case, held.records.components)
        return await self._answer(held, known, limit, filters, frozenset())

    async def vocabulary(self, workspace: str) -> Vocabulary:
        """Return how texts of this workspace are read, the newest edits included."""
        held = self._get(workspace)
        now = await held.follow()
        learned = [each for each in now.vocabulary.entries.values() if not each.edited]
        if now.served is not None:
            learned = now.served.words.learned
        return Vocabulary.of([*learned, *held.records.edits])

    async def tend(self, workspace: str | None = None) -> None:
        """Let one workspace, or all that are held, follow their records and models."""
        held = [each for each in self._held.values() if workspace in (None, each.name)]
        # Side by side: one that takes long, or cannot be tended, holds up no other.
        ends = await asyncio.gather(*(each.tend() for each in held), return_exceptions=True)
        for each, end in zip(held, ends, strict=True):
            if isinstance(end, ConnectionError):
                log.warning("A workspace could not be refreshed.", extra={"reason": str(end)})
            elif isinstance(end, Exception):
                log.error("The workspace %s cannot be refreshed.", each.name, exc_info=end)

    async def close(self) -> None:
        """Let what is under way end."""
        for held in list(self._held.values()):
            await held.close()

    def _get(self, name: str) -> Workspace:
        held = self._held.get(name)
        if held is None:
            held = self._held[name] = Workspace(name, self._database, self._loader)
            if len(self._held) > self._maximum:
                oldest, left = self._held.popitem(last=False)
                self._loader.forget(oldest)
                left.forget()
        self._held.move_to_end(name)
        return held

    async def _answer(
        self, held: Workspace, case: Case, limit: int, filters: Filters, useless: frozenset[str]
    ) -> Answer:
        def allowed(found: Case) -> bool:
            return found.anomaly_id not in useless and filters.allow(found)

        restricted = allowed if useless or filters != Filters() else None
        now, found = await held.search(case, max(limit, ASKED_FOR_SOLUTIONS), restricted)
        if found.abstained:
            answered.labels("abstained").inc()
            return Answer(cases=[], solutions=[], abstained=True, model_version=now.version)
        similar = [each for each in found.matches if each.similarity >= now.threshold]
        ids = [each.case.anomaly_id for each in similar]
        async with self._database.reading(held.name) as connection:
            told = await verdict_repository.on_cases(connection, held.name, ids)
            alike = [each for each in found.matches[:limit] if each.similarity > 0]
            shown = await _shown(connection, held.name, alike)
        ranked = solutions.rank(
            [(each.case, each.similarity) for each in similar],
            trials(told),
            now.vocabulary,
        )
        answered.labels("similar").inc()
        return Answer(cases=shown, solutions=ranked, abstained=False, model_version=now.version)


async def _shown(
    connection: AsyncConnection, workspace: str, matches: Sequence[Match]
) -> list[Found]:
    """Return the matches as they are stored; one that was deleted this moment is left out."""
    ids = [match.case.anomaly_id for match in matches]
    stored = await repository.anomalies_by_id(connection, workspace, ids)
    return [
        Found(anomaly=anomaly, similarity=match.similarity, reasons=match.reasons)
        for match in matches
        if (each := stored.get(match.case.anomaly_id)) and (anomaly := each.anomaly)
    ]
