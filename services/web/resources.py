"""What a process is connected to: each thing opened once, on first use, and closed in reverse order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from services import broker, cache, database
from services.model_store import ModelStore
from services.telemetry.health import Health
from services.web.config import PlatformSettings
from services.web.gate import Gate, open_gate


class Resources:
    """The connections of one process, shared by all services in it."""

    def __init__(
        self, settings: PlatformSettings, stack: AsyncExitStack, *, command_timeout: float
    ) -> None:
        self.settings = settings
        self._command_timeout = command_timeout
        self.health = Health()
        self._stack = stack
        self._database: database.Database | None = None
        self._broker: broker.Broker | None = None
        self._cache: cache.Cache | None = None
        self._models: ModelStore | None = None
        self._gate: Gate | None = None
        self._schema_fits = False

    async def database(self) -> database.Database:
        """Return the database; its schema must be the newest before the process is ready."""
        if self._database is None:
            timeout = self._command_timeout
            opened = database.connect(self.settings.database, command_timeout=timeout)
            self._database = await self._stack.enter_async_context(opened)
            self.health.add("database", self._database.check)
            self.health.add_readiness("schema", self._check_schema)
        return self._database

    async def broker(self) -> broker.Broker:
        """Return the broker."""
        if self._broker is None:
            opened = broker.connect(self.settings.broker)
            self._broker = await self._stack.enter_async_context(opened)
            self.health.add("broker", self._broker.check)
        return self._broker

    async def cache(self) -> cache.Cache:
        """Return the cache."""
        if self._cache is None:
            opened = cache.connect(self.settings.cache)
            self._cache = await self._stack.enter_async_context(opened)
            self.health.add("cache", self._cache.check)
        return self._cache

    def models(self) -> ModelStore:
        """Return the model store."""
        if self._models is None:
            self._models = ModelStore(self.settings.models)
        return self._models

    async def gate(self) -> Gate:
        """Return what lets callers in."""
        if self._gate is None:
            opened = open_gate(self.settings, await self.cache())
            self._gate = await self._stack.enter_async_context(opened)
        return self._gate

    async def _check_schema(self) -> None:
        if self._schema_fits:  # it stays so: looking takes an engine and a scan of the scripts
            return
        current, newest = await database.schema_version(self.settings.database)
        if current != newest:
            raise RuntimeError(f"The schema is at '{current}', not '{newest}': run `akin migrate`.")
        self._schema_fits = True


@asynccontextmanager
async def open_resources(
    settings: PlatformSettings, *, command_timeout: float = database.COMMAND_TIMEOUT
) -> AsyncIterator[Resources]:
    """Give the resources of one process; everything that was opened is closed at the end.

    A statement of the database gets `command_timeout` seconds; work in bulk gives it more.
    """
    async with AsyncExitStack() as stack:
        yield Resources(settings, stack, command_timeout=command_timeout)
