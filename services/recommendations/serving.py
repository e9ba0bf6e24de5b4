"""What one workspace is served from: catalogue, controls, models and statistics, in memory.

Loaded on demand, kept current by each request's look at the catalogue's key, by the model's alias and
by `model.published`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from time import monotonic
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Gauge

from services.away import Away
from services.cache import Cache
from services.database import Database
from services.recommendations import activity_repository, controls, repository
from services.recommendations.batches import Batches
from services.recommendations.catalogue import Catalogue, Item
from services.recommendations.controls import Controls, Parameters
from services.recommendations.experiments import CHAMPION
from services.recommendations.exploration import Explorers
from services.recommendations.filters import Masks
from services.recommendations.loading import ModelLoader, ServedModel
from services.recommendations.online import Online
from services.recommendations.places import Popularity, popularity_of
from services.recommendations.state import popularity_key

log = logging.getLogger(__name__)

_coverage = Gauge(
    "akin_catalogue_coverage", "Share of the catalogue that was in any list lately.", ["workspace"]
)

POPULARITY_SECONDS = 5.0  # how old the counters of what is popular may be …
PER_COUNTER = 0.0001  # seconds more for each, beyond 50,000: 2 % of the event loop reads them
RECALLED = 20_000  # lists that new statistics begin with: some 5 MB, half a second of the database


class Served(NamedTuple):
    """What a workspace is served from at one moment; its parts belong together."""

    catalogue: Catalogue
    masks: Masks
    controls: Controls
    popularity: Popularity
    online: Online
    explorers: Explorers

    def eligible(self, asked: Parameters) -> NDArray[np.bool_]:
        """Return, by number, what may appear in a list; not to be written to."""
        allowed = self.catalogue.mask
        if asked.genre is not None:
            allowed = allowed & self.catalogue.with_genre(asked.genre)
        if asked.filter is not None:
            allowed = allowed & self.masks.of(asked.filter)
        return allowed


class Workspace:
    """One workspace, ready to serve."""

    def __init__(self, name: str, database: Database, cache: Cache, loader: ModelLoader) -> None:
        self.name = name
        self.catalogue = Catalogue()
        self.masks = Masks(self.catalogue)
        self.controls = Controls()
        self.online = Online()
        self.explorers = Explorers(self.online)
        self._recalled: Online | None = None
        self.popularity = Popularity(np.zeros(0, np.float32), np.zeros(0, np.int32))
        self.model: ServedModel | None = None  # the champion
        self.variants: Mapping[str, ServedModel] = {}  # other versions that experiments try
        self._database = database
        self._cache = cache
        self._loader = loader
        self._loaded = False
        self.looking = (
            asyncio.Lock()
        )  # at the database for where the catalogue stands: once for all
        self._refreshing = asyncio.Lock()
        self._popular_until = 0.0
        self.batches = Batches()

    def now(self) -> Served:
        """Return what to serve from."""
        return Served(
            self.catalogue,
            self.masks,
            self.controls,
            self.popularity,
            self.online,
            self.explorers,
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
            set_by_operators = await controls.load(connection, self.name, self.controls)
        async with (
            self.batches.still()
        ):  # and from here on at once, so that all of it belongs together
            catalogue.apply(changed, state.revision)
            catalogue.generation = state.generation
            self.controls = set_by_operators
            if catalogue is not self.catalogue:
                self._begin(catalogue)
            else:
                self._follow_catalogue(changed)
        await self.controls.rules.prepare(self.masks)
        self._loaded = True

    def _begin(self, catalogue: Catalogue) -> None:
        """Start with a catalogue whose numbers mean other items than those before."""
        self.catalogue, self.masks = catalogue, Masks(catalogue)
        self.model, self.variants = None, {}
        self.online = Online()
        self.explorers = Explorers(self.online)
        self.popularity = popularity_of(np.zeros(catalogue.size, np.float32), catalogue.mask)

    def _follow_catalogue(self, changed: Sequence[Item]) -> None:
        catalogue = self.catalogue
        self.masks.update(changed)
        counts = np.zeros(catalogue.size, np.float32)
        counts[: len(self.popularity.counts)] = self.popularity.counts
        self.popularity = popularity_of(counts, catalogue.mask)
        for model in self._models():
            model.scorer.place(changed, catalogue.size)
        shown = [item.number for item in changed if catalogue.eligible[item.number]]
        self.explorers.add(np.array(shown, np.int32))

    def _models(self) -> list[ServedModel]:
        return [*self.variants.values(), *([self.model] if self.model else [])]

    async def tend(self) -> None:
        """Follow the models and the counters; called now and then, and on `model.published`."""
        catalogue, revision = self.catalogue, self.catalogue.revision
        model = await self._loader.follow(self.name, catalogue, self.model)
        tried = {v.model for each in self.controls.experiments for v in each.variants if v.model}
        variants = await self._loader.variants(
            self.name, catalogue, tried - {CHAMPION}, self.variants
        )
        found = [each for each in (model, *variants.values()) if each is not None]
        new = [each for each in found if each not in self._models()]
        # What changed while the models were read is placed; a cleanup may come while it is.
        while catalogue is self.catalogue and catalogue.revision != revision:
            revision, items, size = catalogue.revision, catalogue.items(), catalogue.size
            for each in new:
                await asyncio.to_thread(each.scorer.place, items, size)
        if catalogue is self.catalogue:
            if model is not None and model is not self.model:
                self.online.judge(model.scorer.popularity)
            self.model, self.variants = model, variants
        mask, shows = self.catalogue.mask, self.online.shows
        if mask.any():
            shown = np.count_nonzero(shows[: len(mask)][mask[: len(shows)]])
            _coverage.labels(self.name).set(shown / np.count_nonzero(mask))
        await self._count_popular()

    async def learn(self) -> None:
        """Follow what people do and are shown; called twice a second."""
        online = self.online
        await online.follow(self._cache, self.name, self.catalogue.generation)
        if self._recalled is not online:
            self._recalled = online
            with suppress(Away):  # without it, exploration starts anew
                await self._recall(online)
        await self.explorers.refresh(self.catalogue.mask)

    async def _recall(self, online: Online) -> None:
        """Let statistics that begin know of the time before the stream does."""
        began = online.began or datetime.now(UTC)
        async with self._database.reading(self.name) as connection:
            lists = await activity_repository.newest_lists(connection, self.name, began, RECALLED)
            if not lists:
                return
            since = lists[-1][0]
            likes = await activity_repository.like_counts(
                connection, self.name, since=since, until=began
            )
        online.recall((items for _, items in lists), likes)

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
            return await activity_repository.like_counts(connection, self.name)

    async def catalogue_version(self) -> bytes:
        """Return where the catalogue stands by the database, in the cache's form."""
        async with self._database.reading(self.name) as connection:
            state = await repository.catalogue_state(connection, self.name)
        return _key(state.epoch, state.revision, state.generation)

    def served(self, version: str | None) -> ServedModel | None:
        """Return the model of this version, or the champion for None and for one that is not loaded."""
        return self.model if version is None else self.variants.get(version, self.model)

    async def close(self) -> None:
        """Let the requests under way finish."""
        await self.batches.close()


def _key(epoch: int, revision: int, generation: int) -> bytes:
    return b"%d:%d:%d" % (epoch, revision, generation)
