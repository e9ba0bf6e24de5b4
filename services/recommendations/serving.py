"""What one workspace is served from: its catalogue, its model and what is popular, in memory.

Loaded on demand, kept current by each request's look at the catalogue's key, by the model's alias
and by `model.published`; the workspaces that were not used for longest leave the memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from services.away import Away
from services.cache import Cache
from services.coalescing import Coalescer
from services.database import Database
from services.recommendations import repository
from services.recommendations.catalogue import Catalogue
from services.recommendations.loading import ModelLoader, ServedModel
from services.recommendations.ranking import Popularity, popularity_of
from services.recommendations.scoring import History
from services.recommendations.state import popularity_key

log = logging.getLogger(__name__)

POPULARITY_SECONDS = 5.0  # how old the counters of what is popular may be …
PER_COUNTER = 0.0005  # seconds more for each, beyond ten thousand: 2 % of the event loop reads them
SCORE_BATCH = 32  # histories in one matrix product: beyond it the time per history stays the same
SCORE_WAITING = 5_000  # requests; about two seconds of work
IN_LOOP = (
    2_000_000  # scores (histories × items) computed on the event loop, about a millisecond's worth
)


class Workspace:
    """One workspace, ready to serve."""

    def __init__(self, name: str, database: Database, cache: Cache, loader: ModelLoader) -> None:
        self.name = name
        self.catalogue = Catalogue()
        self.popularity = Popularity(np.zeros(0, np.float32), np.zeros(0, np.int32))
        self.model: ServedModel | None = None
        self._database = database
        self._cache = cache
        self._loader = loader
        self._loaded = False
        self.looking = (
            asyncio.Lock()
        )  # at the database for where the catalogue stands: once for all
        self._refreshing = asyncio.Lock()
        self._popular_until = 0.0
        self._scores: Coalescer[History, NDArray[np.float32] | None] = Coalescer(
            self._score, max_batch=SCORE_BATCH, max_waiting=SCORE_WAITING
        )

    @property
    def key(self) -> bytes:
        """Return where this catalogue stands, in the form in which the cache keeps it."""
        return _key(self.catalogue.epoch, self.catalogue.revision, self.catalogue.generation)

    async def load(self) -> None:
        """Load the workspace, unless that was done."""
        if self._loaded:
            return
        async with self._refreshing:
            if not self._loaded:
                await self._load_changes()
                await self.tend()

    async def refresh(self, seen: bytes) -> None:
        """Load what is newer than what is held; `seen` says where the catalogue stands."""
        if seen == self.key:
            return
        async with self._refreshing:
            if seen != self.key:
                generation = self.catalogue.generation
                await self._load_changes()
                await self._count_popular(force=self.catalogue.generation != generation)

    async def _load_changes(self) -> None:
        async with self._database.reading(self.name) as connection:
            state = await repository.catalogue_state(connection, self.name)
            catalogue = self.catalogue
            if state.epoch != catalogue.epoch or not self._loaded:
                catalogue = Catalogue(state.epoch)
                changed = await repository.changed_items(connection, self.name, -1)
            else:
                changed = await repository.changed_items(connection, self.name, catalogue.revision)
        catalogue.apply(changed, state.revision)
        catalogue.generation = state.generation
        if catalogue is not self.catalogue:
            self.catalogue, self.model = catalogue, None
            self.popularity = popularity_of(np.zeros(catalogue.size, np.float32), catalogue.mask)
        else:
            counts = np.zeros(catalogue.size, np.float32)
            counts[: len(self.popularity.counts)] = self.popularity.counts
            self.popularity = popularity_of(counts, catalogue.mask)
        if self.model is not None:
            self.model.scorer.place(changed, catalogue.size)
        self._loaded = True

    async def tend(self) -> None:
        """Follow the model's alias and the counters; called now and then, and on `model.published`."""
        catalogue, revision = self.catalogue, self.catalogue.revision
        model = await self._loader.follow(self.name, catalogue, self.model)
        if catalogue is self.catalogue:
            if model is not None and model is not self.model and catalogue.revision != revision:
                model.scorer.place(catalogue.items(), catalogue.size)  # it changed meanwhile
            self.model = model
        await self._count_popular()

    async def _count_popular(self, *, force: bool = False) -> None:
        began = monotonic()
        if not force and began < self._popular_until:
            return
        self._popular_until = began + POPULARITY_SECONDS
        key = popularity_key(self.name, self.catalogue.generation)
        with suppress(Away):  # what was popular a while ago still is
            counted = await self._cache.counts(key, self._load_counts)
            self._popular_until = began + max(POPULARITY_SECONDS, PER_COUNTER * len(counted))
            counts = np.zeros(self.catalogue.size, np.float32)
            numbers = np.fromiter(counted.keys(), np.int64, len(counted))
            values = np.fromiter(counted.values(), np.float32, len(counted))
            inside = numbers < len(counts)
            counts[numbers[inside]] = values[inside]
            self.popularity = popularity_of(counts, self.catalogue.mask)

    async def _load_counts(self) -> dict[int, int]:
        async with self._database.reading(self.name) as connection:
            return await repository.like_counts(connection, self.name)

    async def catalogue_version(self) -> bytes:
        """Return where the catalogue stands by the database, in the cache's form."""
        async with self._database.reading(self.name) as connection:
            state = await repository.catalogue_state(connection, self.name)
        return _key(state.epoch, state.revision, state.generation)

    async def scores(self, history: History) -> NDArray[np.float32] | None:
        """Return a score by item number, or None without a personal model or without a history."""
        if self.model is None or not self.model.personal or not len(history.items):
            return None
        return await self._scores.submit(history)

    async def _score(self, histories: Sequence[History]) -> list[NDArray[np.float32] | None]:
        if self.model is None:  # a cleanup took it while these waited
            return [None] * len(histories)
        scorer = self.model.scorer
        if len(histories) * self.catalogue.size <= IN_LOOP:
            return list(scorer.score(histories))
        return list(await asyncio.to_thread(scorer.score, histories))

    async def close(self) -> None:
        """Let the requests under way finish."""
        await self._scores.close()


def _key(epoch: int, revision: int, generation: int) -> bytes:
    return b"%d:%d:%d" % (epoch, revision, generation)


class Workspaces:
    """The workspaces of this process, at most `maximum` of them."""

    def __init__(
        self, database: Database, cache: Cache, loader: ModelLoader, *, maximum: int
    ) -> None:
        self._database = database
        self._cache = cache
        self._loader = loader
        self._maximum = maximum
        self._held: OrderedDict[str, Workspace] = OrderedDict()

    async def get(self, name: str) -> Workspace:
        """Return the workspace, loaded.

        Raises:
            DatabaseUnavailable: it is not loaded yet, and cannot be.
        """
        held = self._held.get(name)
        if held is None:
            held = Workspace(name, self._database, self._cache, self._loader)
            self._held[name] = held
            if len(self._held) > self._maximum:
                # Not closed: requests under way may still use it, and it leaves with the last one.
                oldest, _ = self._held.popitem(last=False)
                self._loader.forget(oldest)
        else:
            self._held.move_to_end(name)
        await held.load()
        return held

    async def tend(self, name: str | None = None) -> None:
        """Let one workspace, or all, follow their models and counters."""
        for held in [w for w in self._held.values() if name in (None, w.name)]:
            try:
                await held.tend()
            except ConnectionError as error:
                log.warning("A workspace could not be refreshed.", extra={"reason": str(error)})

    async def close(self) -> None:
        """Let the requests under way finish."""
        for held in self._held.values():
            await held.close()
