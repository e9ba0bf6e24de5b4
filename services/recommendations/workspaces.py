"""The workspaces that one process serves; those that were not used for longest leave the memory."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict

from services.cache import Cache
from services.database import Database
from services.recommendations.loading import ModelLoader
from services.recommendations.serving import Workspace

log = logging.getLogger(__name__)


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

    async def learn(self) -> None:
        """Let all follow what people do and are shown."""
        await asyncio.gather(*(held.learn() for held in list(self._held.values())))

    async def close(self) -> None:
        """Let the requests under way finish."""
        for held in self._held.values():
            await held.close()
