"""Schema migrations: Alembic scripts, run from inside the program, for both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from services.database.engine import BULK_TIMEOUT, create_engine

_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 0x616B696E  # "akin": one migration at a time, however many replicas start at once


async def migrate(url: str, *, revision: str = "head") -> str:
    """Bring the schema of the database at `url` to `revision` and return the revision reached.

    Safe to run from several processes at once, and again: what is done is not done twice.
    """
    engine = create_engine(url, pool_size=1, command_timeout=BULK_TIMEOUT)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_upgrade, revision)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, revision: str) -> str:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    config = _configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    reached = MigrationContext.configure(connection).get_current_revision()
    connection.commit()
    return reached or ""


async def schema_version(url: str) -> tuple[str, str]:
    """Return the revision that the database has ("" for none) and the newest one that the code knows."""
    engine = create_engine(url, pool_size=1)
    newest = await asyncio.to_thread(ScriptDirectory.from_config(_configuration()).get_current_head)
    try:
        async with engine.connect() as connection:
            current = await connection.run_sync(
                lambda sync: MigrationContext.configure(sync).get_current_revision()
            )
            return current or "", newest or ""
    finally:
        await engine.dispose()


def _configuration() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    return config
