"""Bringing a workspace and a user's state to where they stand, in one round trip to the cache."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from services.cache import Cache, CacheUnavailable
from services.recommendations.serving import Workspace
from services.recommendations.state import (
    UserState,
    UserStates,
    catalogue_key,
    history_key,
    shown_key,
)

FRESH = timedelta(seconds=5)  # longest time for which a replica may miss a change of the catalogue


class Current:
    """Reads the cache, and the database where the cache is away or knows nothing.

    `missed` is awaited before each read of a user: it forgets what the cache missed while it was away.
    """

    def __init__(
        self, cache: Cache, states: UserStates, *, missed: Callable[[], Awaitable[None]]
    ) -> None:
        self._cache = cache
        self._states = states
        self._missed = missed

    async def state(self, held: Workspace, user_id: str) -> tuple[UserState, list[str]]:
        """Return the user's state, and what was away; the workspace is current afterwards."""
        name, generation = held.name, held.catalogue.generation
        try:
            await self._missed()
            version, history, shown = await self._cache.read(
                catalogue_key(name),
                history_key(name, generation, user_id),
                shown_key(name, generation, user_id),
            )
            if version != held.key:
                await self.catch_up(held, version)
            if held.catalogue.generation != generation:
                history = shown = None  # an import or a cleanup: what was read is void
                generation = held.catalogue.generation
            state = await self._states.decode(
                name, generation, user_id, history=history, shown=shown
            )
        except CacheUnavailable:
            await held.refresh(await held.catalogue_version())
            return await self._states.from_database(name, user_id), ["cache"]
        return state, []

    async def catch_up(self, held: Workspace, version: bytes | None = None) -> None:
        """Bring the workspace to where the cache, or in doubt the database, says that it stands."""
        try:
            version = version or await self._version(held)
        except CacheUnavailable:
            version = await held.catalogue_version()
        await held.refresh(version)

    async def _version(self, held: Workspace) -> bytes:
        key = catalogue_key(held.name)
        async with held.looking:
            (version,) = await self._cache.read(key)
            return version or await self._cache.rebuild(key, held.catalogue_version, lifetime=FRESH)
