"""Changing rules and scenarios."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from services.cache import Cache, CacheUnavailable
from services.database import Database
from services.recommendations import control_repository as stored
from services.recommendations import experiment_storage, repository, tables
from services.recommendations.control_repository import Definition
from services.recommendations.state import catalogue_key
from services.web.errors import Conflict, NotFound

log = logging.getLogger(__name__)

MOST = 200  # rules, and as many scenarios, of a workspace: operators write them by hand


class ControlEditor:
    """Writes the rules, or the scenarios, of all workspaces. Replicas see a change at their next request."""

    def __init__(self, database: Database, cache: Cache, table: Table) -> None:
        self._database = database
        self._cache = cache
        self._table = table
        self._kind = table.name.removesuffix("s")

    async def put(
        self, workspace: str, name: str, definition: Mapping[str, Any]
    ) -> Definition | None:
        """Store a definition; return the one that it replaces.

        Raises:
            Conflict: there are too many already.
        """
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace, shared=False)
            known = await stored.everything(connection, workspace, self._table)
            if name not in known and len(known) >= MOST:
                message = f"There are {MOST} {self._table.name} already: delete one first."
                raise Conflict(message, code=f"too_many_{self._table.name}")
            await stored.save(connection, workspace, self._table, name, definition)
            await stored.advance(connection, workspace)
        await self._tell(workspace)
        return known.get(name)

    async def delete(self, workspace: str, name: str) -> Definition:
        """Delete a definition and return it.

        Raises:
            NotFound: there is none.
            Conflict: an experiment that runs uses the scenario.
        """
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace, shared=False)
            found = await self._find(connection, workspace, name)
            if self._table is tables.scenarios:
                await _check_unused(connection, workspace, name)
            await stored.remove(connection, workspace, self._table, name)
            await stored.advance(connection, workspace)
        await self._tell(workspace)
        return found

    async def get(self, workspace: str, name: str) -> Definition:
        """Return a definition.

        Raises:
            NotFound: there is none.
        """
        async with self._database.reading(workspace) as connection:
            return await self._find(connection, workspace, name)

    async def everything(self, workspace: str) -> dict[str, Definition]:
        """Return all definitions by name, sorted."""
        async with self._database.reading(workspace) as connection:
            return await stored.everything(connection, workspace, self._table)

    async def _find(self, connection: AsyncConnection, workspace: str, name: str) -> Definition:
        found = await stored.find(connection, workspace, self._table, name)
        if found is None:
            message = f"{self._kind.capitalize()} '{name}' does not exist."
            raise NotFound(message, code=f"{self._kind}_not_found")
        return found

    async def _tell(self, workspace: str) -> None:
        """Let replicas look where the catalogue, and the controls beside it, stand."""
        try:
            await self._cache.delete(catalogue_key(workspace))
        except CacheUnavailable as error:  # they ask the database then; the key is short-lived
            log.warning("Replicas were not told.", extra={"reason": str(error)})


async def _check_unused(connection: AsyncConnection, workspace: str, name: str) -> None:
    for experiment in await experiment_storage.running(connection, workspace):
        if any(variant.scenario == name for variant in experiment.variants):
            raise Conflict(
                f"Experiment '{experiment.name}' uses the scenario '{name}': end it first.",
                code="scenario_in_use",
            )
