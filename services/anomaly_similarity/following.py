"""The cases of a workspace in memory, which follow the database by its revisions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity import (
    directory_repository,
    repository,
    shape_repository,
    vocabulary_repository,
)
from services.anomaly_similarity.conversion import case_of, completed
from services.anomaly_similarity.directory_repository import COMPONENTS, Named
from services.anomaly_similarity.records import Changed
from services.anomaly_similarity.repository import CorpusState
from services.anomaly_similarity.search.cases import Case
from services.anomaly_similarity.search.vocabulary import Entry

SEARCHED = ("component_type", "location")  # what a case knows of its components


@dataclass
class Moved:
    """What is new: cases, and the ids of those that are gone; `anew`: all that was there before is void."""

    anew: bool
    changed: dict[str, Case] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)


class FollowedCases:
    """The cases by id, what is known of components, and the edits of the vocabulary."""

    def __init__(self, workspace: str) -> None:
        self.cases: dict[str, Case] = {}
        self.components: dict[str, Named] = {}
        self.edits: Sequence[Entry] = ()  # another object whenever they changed
        self.state: CorpusState | None = None
        self._workspace = workspace

    @property
    def epoch(self) -> int:
        """Return how often the workspace was cleaned."""
        return self.state.epoch if self.state else 0

    async def follow(self, connection: AsyncConnection) -> Moved | None:
        """Catch up and return what is new; None, after one query, where nothing is.

        An error on the way leaves all as it was. What others write meanwhile may come twice.
        """
        workspace, held = self._workspace, self.state
        state = await repository.corpus_state(connection, workspace)
        if state == held:
            return None
        anew = held is None or state.epoch != held.epoch
        after = -1 if held is None or anew else held.revision
        edits = self.edits
        if held is None or state.vocabulary != held.vocabulary:
            edits = await vocabulary_repository.edits(connection, workspace)
        told = await directory_repository.changed(connection, workspace, COMPONENTS, after)
        components = {} if anew else dict(self.components)
        news = {str(each["component_id"]): each for each in told}
        moved = Moved(anew)
        if not anew:
            moved.changed |= self._renamed(news)
        components |= news
        async for part in repository.changed_anomalies(connection, workspace, after):
            ids = [each.anomaly_id for each in part if each.anomaly is not None]
            shapes = await shape_repository.shapes(connection, workspace, ids)
            await asyncio.to_thread(_take, moved, part, components, shapes)
        self._apply(moved, components, edits, state)
        return moved

    def _renamed(self, news: Mapping[str, Named]) -> dict[str, Case]:
        """Return the cases whose components are of another type, or elsewhere, than was known."""
        moved = {
            i for i, each in news.items() if _searched(each) != _searched(self.components.get(i))
        }
        if not moved:
            return {}
        components = {**self.components, **news}
        return {
            i: completed(case, components)
            for i, case in self.cases.items()
            if not moved.isdisjoint(case.component_ids)
        }

    def _apply(
        self,
        moved: Moved,
        components: dict[str, Named],
        edits: Sequence[Entry],
        state: CorpusState,
    ) -> None:
        if moved.anew:
            self.cases = moved.changed
        else:
            self.cases.update(moved.changed)
        for anomaly_id in moved.gone:
            self.cases.pop(anomaly_id, None)
        self.components, self.edits, self.state = components, edits, state


def _take(
    moved: Moved,
    part: Sequence[Changed],
    components: Mapping[str, Named],
    shapes: Mapping[str, NDArray[Any]],
) -> None:
    for each in part:
        if each.anomaly is None:
            moved.gone.add(each.anomaly_id)
            moved.changed.pop(each.anomaly_id, None)
            continue
        shape = shapes.get(each.anomaly_id)
        moved.changed[each.anomaly_id] = case_of(each.anomaly, components, shape)


def _searched(component: Named | None) -> tuple[str | None, ...]:
    return tuple(component.get(name) if component else None for name in SEARCHED)
