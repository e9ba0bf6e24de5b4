"""What was shown: written before the list is answered, many lists in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial

import numpy as np

from services.cache import Cache, CacheUnavailable
from services.coalescing import Coalescer
from services.database import Database, insert_new
from services.recommendations import erasures, repository
from services.recommendations.places import Ranked, letters
from services.recommendations.state import NUMBER, lists_told, shown_key
from services.recommendations.tables import impressions

MAX_BATCH = 200  # lists in one transaction
MAX_WAITING = 5_000  # lists; more than that means that the database does not keep up
PROPENSITY = np.dtype("<f4")
MAX_MISSED = 10_000  # users whose log lacks a list because the cache was away; about 1 MB


@dataclass(frozen=True)
class Impression:
    """A list that is about to be shown."""

    workspace: str
    epoch: int
    generation: int
    user_id: str
    recommendation_id: str
    places: Sequence[Ranked]
    model_version: str | None
    scenario: str | None = None
    experiment: str | None = None
    variant: str | None = None
    made_at: datetime = field(default_factory=partial(datetime.now, UTC))

    @cached_property
    def numbers(self) -> bytes:
        """The items as both keep them."""
        return np.array([place.number for place in self.places], NUMBER).tobytes()


class Impressions:
    """Remembers what was shown, in the cache and in the database: concurrent lists together."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache
        self._lists: Coalescer[Impression, list[str]] = Coalescer(
            self._remember, max_batch=MAX_BATCH, max_waiting=MAX_WAITING
        )
        self._missed: set[str] = set()

    async def remember(self, shown: Impression) -> list[str]:
        """Return once the list is remembered, with the names of what was away.

        Raises:
            ConnectionError: both are away. Remembered nowhere: better no list than one that repeats.
        """
        return await self._lists.submit(shown)

    async def _remember(self, batch: Sequence[Impression]) -> list[list[str]]:
        # The cache comes first: should the process die in between, an item counts as shown that was
        # not, which harms nobody; the other way round it would be shown twice.
        degraded = []
        try:
            await self._append(batch)
        except CacheUnavailable:
            degraded.append("cache")
        try:
            await self._insert(batch)
        except ConnectionError:
            if degraded:
                raise
            degraded.append("database")
        return [degraded] * len(batch)

    async def _append(self, batch: Sequence[Impression]) -> None:
        logs: dict[tuple[str, int], dict[str, bytes]] = defaultdict(lambda: defaultdict(bytes))
        for shown in batch:
            key = shown_key(shown.workspace, shown.generation, shown.user_id)
            logs[shown.workspace, shown.generation][key] += shown.numbers
        try:
            for (workspace, generation), of_users in logs.items():
                telling = lists_told(workspace, generation)
                await self._cache.append_many(of_users, telling=telling)
        except CacheUnavailable:
            self.forget_later(*(key for of_users in logs.values() for key in of_users))
            raise

    def forget_later(self, *keys: str) -> None:
        """Remember what the cache has to forget once it answers again."""
        if len(self._missed) < MAX_MISSED:
            self._missed.update(keys)

    async def forget_missed(self) -> None:
        """Let the logs that lack a list be built anew, before anybody reads them again.

        Raises:
            CacheUnavailable: it is still away.
        """
        if missed := set(self._missed):
            await self._cache.delete(*missed)
            self._missed -= missed

    async def _insert(self, batch: Sequence[Impression]) -> None:
        by_workspace: dict[str, list[Impression]] = defaultdict(list)
        for shown in batch:
            by_workspace[shown.workspace].append(shown)
        for workspace, group in by_workspace.items():
            # Not worth waiting for the disk: the cache has it too, and both would have to crash at once.
            async with self._database.transaction(workspace, durable=False) as connection:
                await repository.lock(connection, workspace, shared=True)
                state, newest = await erasures.standing(connection, workspace)
                oldest = min(shown.made_at for shown in group)
                erased = await erasures.since(connection, workspace, oldest, newest)
                rows = [
                    _row(shown)
                    for shown in group
                    if shown.epoch == state.epoch and not erased.holds(shown.user_id, shown.made_at)
                ]
                key = impressions.c.recommendation_id
                await insert_new(connection, impressions, rows, returning=key)

    async def close(self) -> None:
        """Write what is waiting."""
        await self._lists.close()


def _row(shown: Impression) -> dict[str, object]:
    return {
        "workspace": shown.workspace,
        "recommendation_id": shown.recommendation_id,
        "user_id": shown.user_id,
        "shown_at": shown.made_at,
        "items": shown.numbers,
        "sources": letters(shown.places),
        "propensities": np.array([p.propensity for p in shown.places], PROPENSITY).tobytes(),
        "model_version": shown.model_version,
        "scenario": shown.scenario,
        "experiment": shown.experiment,
        "variant": shown.variant,
    }
