"""A migrated database of each kind, and a table of the tests' own with the same row-level security."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import JSON, Column, Float, Integer, MetaData, String, Table, delete, text

from services import database
from services.database import EVERY_WORKSPACE, Database, UtcDateTime
from services.database.row_level_security import isolate

things = Table(
    "test_things",
    MetaData(),
    Column("workspace", String(64), primary_key=True),
    Column("thing_id", String(20), primary_key=True),
    Column("count", Integer),
    Column("share", Float),
    Column("at", UtcDateTime),
    Column("notes", JSON),
)


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of each database in turn, migrated."""
    url = f"sqlite+aiosqlite:///{tmp_path}/akin.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("database_url")
    await database.migrate(url)
    return url


@pytest.fixture
async def db(url: str, workspace: str) -> AsyncIterator[Database]:
    """The open database, with the table `things`; what the test leaves in its workspaces goes."""
    async with database.connect(url, pool_size=5) as opened:
        await _make_table(opened)
        yield opened
        async with opened.transaction(EVERY_WORKSPACE) as connection:
            mine = things.c.workspace.startswith(workspace)
            await connection.execute(delete(things).where(mine))


async def _make_table(opened: Database) -> None:
    async with opened.transaction(EVERY_WORKSPACE) as connection:
        if not opened.is_sqlite:  # tests side by side share the table
            await connection.execute(text("SELECT pg_advisory_xact_lock(1952805748)"))
        missing = not await connection.run_sync(
            lambda sync: sync.dialect.has_table(sync, things.name)
        )
        if missing:
            await connection.run_sync(_create)


def _create(connection: object) -> None:
    from alembic.migration import MigrationContext  # noqa: PLC0415 - only where the table is missing
    from alembic.operations import Operations  # noqa: PLC0415

    things.metadata.create_all(connection)
    with Operations.context(MigrationContext.configure(connection)):
        isolate(things.name)


@pytest.fixture
def new_id() -> str:
    """An id that no other test uses."""
    return uuid.uuid4().hex[:20]
