"""Likes counted by the lists that they came from: the like rate by model version and by source."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
from prometheus_client import Counter
from sqlalchemy import select

from services.away import Away
from services.database import Database
from services.recommendations.experiment_reports import SOURCES
from services.recommendations.feedback import preference
from services.recommendations.recording import Reaction
from services.recommendations.repository import IN_LIST
from services.recommendations.state import NUMBER
from services.recommendations.tables import impressions, interactions

_liked = Counter(
    "akin_liked_items",
    "Reactions in favour of items of lists that they name, by what made the list and the place.",
    ["model_version", "source"],
)

_same_list = (
    (interactions.c.workspace == impressions.c.workspace)
    & (interactions.c.recommendation_id == impressions.c.recommendation_id)
    & (interactions.c.user_id == impressions.c.user_id)
)
_found = select(
    interactions.c.item_number,
    impressions.c["items"],
    impressions.c.sources,
    impressions.c.model_version,
).join_from(interactions, impressions, _same_list)


class Outcomes:
    """Counts what came of lists. A delivery that is repeated counts again, as metrics may."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, workspace: str, reactions: Sequence[Reaction]) -> None:
        """Count those of the recorded reactions that are in favour and name their list."""
        named = [
            each.event_id
            for each in reactions
            if each.interaction.recommendation_id is not None
            and preference(each.interaction.kind, each.interaction.value) > 0
        ]
        with suppress(Away):  # not worth waiting for
            for start in range(0, len(named), IN_LIST):
                await self._count(workspace, named[start : start + IN_LIST])

    async def _count(self, workspace: str, event_ids: Sequence[str]) -> None:
        mine = (interactions.c.workspace == workspace) & interactions.c.event_id.in_(event_ids)
        async with self._database.reading(workspace) as connection:
            rows = (await connection.execute(_found.where(mine))).all()
        for number, shown, sources, version in rows:
            places = np.flatnonzero(np.frombuffer(shown, NUMBER) == number)
            if len(places):
                _liked.labels(version or "none", SOURCES.get(sources[places[0]], "other")).inc()
