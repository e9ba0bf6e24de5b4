"""Migrations: the schema is that of the services' tables, however often and by whomever it is made."""

from __future__ import annotations

import asyncio
import importlib
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Table
from sqlalchemy.engine import make_url

import services
from services import database
from services.database import EVERY_WORKSPACE

HERE = Path(services.__file__).parent
PROGRAM = """
import asyncio, sys
from services import database
print(asyncio.run(database.migrate(sys.argv[1])))
"""


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A database with nothing in it; in PostgreSQL a schema of the test's own."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path}/akin.db"
        return
    url = make_url(request.getfixturevalue("database_url"))
    schema = f"test_{uuid.uuid4().hex[:12]}"
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(plain)
    await connection.execute(f"CREATE SCHEMA {schema}")
    # What asyncpg does not know in a DSN it sends to the server as a setting.
    own = url.update_query_dict({"dsn": f"postgresql://?search_path={schema}"})
    yield own.render_as_string(hide_password=False)
    await connection.execute(f"DROP SCHEMA {schema} CASCADE")
    await connection.close()


def tables() -> dict[str, Table]:
    """Return the tables of every services/*/tables.py."""
    found: dict[str, Table] = {}
    for file in sorted(HERE.glob("*/tables.py")):
        module = importlib.import_module(f"services.{file.parent.name}.tables")
        for name, table in module.metadata.tables.items():
            assert name not in found, f"Two services have a table {name}."
            found[name] = table
    return found


def differences(connection: Connection) -> list[object]:
    """Return what Alembic finds different between the database and the services' tables."""
    known = tables()
    wanted = [module.metadata for module in _modules()]
    context = MigrationContext.configure(
        connection,
        opts={
            "compare_type": True,
            "include_object": lambda _object, name, kind, _reflected, _other: (
                kind != "table" or name in known
            ),
        },
    )
    return compare_metadata(context, wanted)


def _modules() -> list[object]:
    names = sorted(file.parent.name for file in HERE.glob("*/tables.py"))
    return [importlib.import_module(f"services.{name}.tables") for name in names]


async def test_the_migrated_schema_is_that_of_all_tables(empty_url: str) -> None:
    await database.migrate(empty_url)
    async with (
        database.connect(empty_url) as db,
        db.reading(EVERY_WORKSPACE) as connection,
    ):
        assert await connection.run_sync(differences) == []
        made = await connection.run_sync(lambda sync: sync.dialect.get_table_names(sync))
    assert set(made) == {*tables(), "alembic_version"}


async def test_migrating_again_changes_nothing(empty_url: str) -> None:
    assert await database.schema_version(empty_url) == ("", await newest(empty_url))
    first = await database.migrate(empty_url)
    assert await database.migrate(empty_url) == first == await newest(empty_url)
    assert await database.schema_version(empty_url) == (first, first)


async def test_several_tasks_and_processes_may_migrate_at_once(empty_url: str) -> None:
    async def elsewhere() -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM, empty_url),
            stdout=asyncio.subprocess.PIPE,
            cwd=HERE.parent,
        )
        output, _ = await process.communicate()
        return output.decode().strip()

    reached = await asyncio.gather(
        *(elsewhere() for _ in range(3)), *(database.migrate(empty_url) for _ in range(2))
    )
    assert set(reached) == {await newest(empty_url)}


async def test_every_migration_can_be_undone_and_done_again(empty_url: str) -> None:
    await database.migrate(empty_url)
    async with database.connect(empty_url) as db, db.transaction(EVERY_WORKSPACE) as connection:
        await connection.run_sync(_downgrade)
    assert (await database.schema_version(empty_url))[0] == ""
    assert await database.migrate(empty_url) == await newest(empty_url)


async def newest(url: str) -> str:
    return (await database.schema_version(url))[1]


def _downgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(HERE / "database" / "migrations"))
    config.attributes["connection"] = connection
    command.downgrade(config, "base")
