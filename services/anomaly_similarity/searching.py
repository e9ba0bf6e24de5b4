"""Searching for what is similar to a text that is not recorded."""

from __future__ import annotations

from datetime import datetime

from services.anomaly_similarity import rendering
from services.anomaly_similarity.answer_schemas import DEFAULT_USER, Search
from services.anomaly_similarity.conversion import case_of
from services.anomaly_similarity.records import Anomaly
from services.anomaly_similarity.searcher import Searcher
from services.database import Database

UNRECORDED = ""  # the id of what has none


class Searching:
    """Answers at once."""

    def __init__(self, database: Database, searcher: Searcher) -> None:
        self._database = database
        self._searcher = searcher

    async def search(self, workspace: str, body: Search, *, now: datetime) -> str:
        """Return the answer as JSON."""
        asked = Anomaly(
            anomaly_id=UNRECORDED,
            description=body.description,
            occurred_at=now,
            severity=body.severity,
            recommended_product=body.recommended_product,
            attributes=body.attributes,
            component_ids=tuple(body.component_ids),
        )
        answer = await self._searcher.for_case(
            workspace,
            case_of(asked, {}),
            limit=body.limit,
            filters=body.filters.filters(),
        )
        async with self._database.reading(workspace) as connection:
            known = await rendering.known_of(connection, workspace, [answer])
        return rendering.done(answer, known, user_name=DEFAULT_USER, at=now)
