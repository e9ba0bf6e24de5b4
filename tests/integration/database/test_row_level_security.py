"""A query that forgets its condition sees and writes its own workspace only: PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from services import database
from services.accounts.tables import metadata as accounts
from services.anomaly_similarity.tables import metadata as anomaly_similarity
from services.database import EVERY_WORKSPACE, Database
from services.recommendations.tables import metadata as recommendations
from tests.integration.database.conftest import things

pytestmark = pytest.mark.parametrize("url", ["postgresql"], indirect=True)

TABLES = [
    table
    for metadata in (recommendations, accounts, anomaly_similarity)
    for table in metadata.tables.values()
]


@pytest.fixture
async def two(db: Database, workspace: str) -> tuple[str, str]:
    """Two workspaces with a row each."""
    names = f"{workspace}-1", f"{workspace}-2"
    for name in names:
        async with db.transaction(name) as connection:
            await connection.execute(insert(things), [{"workspace": name, "thing_id": "a"}])
    return names


async def workspaces(db: Database, workspace: str) -> set[str]:
    async with db.reading(workspace) as connection:
        return set((await connection.execute(select(things.c.workspace))).scalars())


async def test_a_query_without_a_condition_sees_one_workspace(
    db: Database, two: tuple[str, str]
) -> None:
    for name in two:
        assert await workspaces(db, name) == {name}
    assert await workspaces(db, "nobody") == set()
    assert await workspaces(db, EVERY_WORKSPACE) >= set(two)


async def test_a_change_without_a_condition_changes_one_workspace(
    db: Database, two: tuple[str, str]
) -> None:
    async with db.transaction(two[0]) as connection:
        assert (await connection.execute(update(things).values(count=1))).rowcount == 1
        assert (await connection.execute(delete(things))).rowcount == 1
    assert await workspaces(db, two[0]) == set()
    assert await workspaces(db, two[1]) == {two[1]}


async def test_rows_of_another_workspace_cannot_be_written(
    db: Database, two: tuple[str, str]
) -> None:
    with pytest.raises(DBAPIError, match="row-level security"):
        async with db.transaction(two[0]) as connection:
            await connection.execute(insert(things), [{"workspace": two[1], "thing_id": "b"}])
    with pytest.raises(DBAPIError, match="row-level security"):
        async with db.transaction(two[0]) as connection:
            await connection.execute(update(things).values(workspace=two[1]))


async def test_a_transaction_that_names_no_workspace_sees_nothing(
    db: Database, two: tuple[str, str]
) -> None:
    async with db.engine.connect() as connection:
        assert (await connection.execute(select(things.c.workspace))).first() is None


async def test_a_connection_that_is_used_again_forgets_the_workspace_before(
    database_url: str, db: Database, two: tuple[str, str]
) -> None:
    async with database.connect(database_url, pool_size=1) as single:
        assert await workspaces(single, two[0]) == {two[0]}
        async with single.engine.connect() as connection:
            assert (await connection.execute(select(things.c.workspace))).first() is None


async def test_the_tests_user_is_one_that_the_policies_hold_for(db: Database) -> None:
    """A superuser, or a role that bypasses the policies, would make all of this mean nothing."""
    async with db.reading("w") as connection:
        query = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert (await connection.execute(query)).scalar() is False


@pytest.mark.parametrize("name", sorted(table.name for table in TABLES))
async def test_every_table_of_the_services_has_the_policy(db: Database, name: str) -> None:
    query = text(
        "SELECT c.relrowsecurity AND c.relforcerowsecurity, p.qual, p.cmd FROM pg_class c"
        " JOIN pg_policies p ON p.tablename = c.relname AND p.schemaname = current_schema()"
        " WHERE c.relname = :name AND c.relnamespace = current_schema()::regnamespace"
    )
    async with db.reading("w") as connection:
        ((forced, condition, command),) = (await connection.execute(query, {"name": name})).all()
    assert forced
    assert command == "ALL"
    assert "akin.workspace" in condition
