"""Leaving PostgreSQL: with a farewell if it listens, without one if it is frozen."""

from __future__ import annotations

from contextlib import suppress

from asyncpg import Connection

FAREWELL = 0.5  # seconds; to cancel what it works at takes a server milliseconds


class Leaving(Connection):  # type: ignore[misc]  # asyncpg says nothing about types
    """A connection whose end never waits for a server that does not answer."""

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - asyncpg's
        """Cancel what is under way and close; after `FAREWELL` seconds the connection is dropped."""
        with suppress(TimeoutError):
            await super().close(timeout=FAREWELL)
