import pytest
from sqlalchemy import select

from services.accounts import clients, tables, workspaces
from services.accounts.schemas import CreateClient
from services.database import EVERY_WORKSPACE
from services.security import Passwords
from services.web.errors import BadRequest, Conflict, NotFound


@pytest.fixture
def registration(prefix):
    def make(name):
        return CreateClient(
            username=f"{prefix}-{name}",
            name=name,
            email=f"{prefix}-{name}@example.org",
            password="correct horse battery",
        )

    return make


@pytest.fixture
def passwords():
    passwords = Passwords()
    yield passwords
    passwords.close()


async def _names(opened):
    return {found.workspace: found.clients for found in await workspaces.list_workspaces(opened)}


async def test_the_workspace_default_is_there_from_the_beginning(opened):
    assert "default" in await _names(opened)


async def test_a_workspace_is_made_counted_and_deleted(opened, prefix, passwords, registration):
    await workspaces.create_workspace(opened, prefix)
    for name in ("ada", "grace"):
        await clients.create_client(
            opened, passwords, registration(name), workspace=prefix, scopes=frozenset()
        )

    assert (await _names(opened))[prefix] == 2
    assert len(await clients.list_clients(opened, prefix, limit=10)) == 2
    assert await workspaces.delete_workspace(opened, prefix) == 2
    assert prefix not in await _names(opened)
    assert not await clients.list_clients(opened, prefix, limit=10)


async def test_deleting_a_workspace_revokes_its_clients(opened, prefix, passwords, registration):
    await workspaces.create_workspace(opened, prefix)
    client_id = await clients.create_client(
        opened, passwords, registration("ada"), workspace=prefix, scopes=frozenset()
    )
    await workspaces.delete_workspace(opened, prefix)

    query = select(tables.revocations.c.revoked_id).where(tables.revocations.c.workspace == prefix)
    async with opened.reading(EVERY_WORKSPACE) as connection:
        assert list((await connection.execute(query)).scalars()) == [client_id]


async def test_a_workspace_is_made_once(opened, prefix):
    await workspaces.create_workspace(opened, prefix)

    with pytest.raises(Conflict):
        await workspaces.create_workspace(opened, prefix)


async def test_a_name_that_cannot_stand_in_a_path_is_refused(opened):
    for name in ("", "*", "A", "a_b", "-a", "a-", "a/b", "a:b", "..", "a" * 65, "a\n", "ü"):
        with pytest.raises(BadRequest):
            await workspaces.create_workspace(opened, name)


async def test_the_workspace_default_stays(opened):
    with pytest.raises(BadRequest):
        await workspaces.delete_workspace(opened, "default")


async def test_an_unknown_workspace_takes_no_client_and_is_not_deleted(
    opened, prefix, passwords, registration
):
    with pytest.raises(NotFound):
        await clients.create_client(
            opened, passwords, registration("ada"), workspace=prefix, scopes=frozenset()
        )
    with pytest.raises(NotFound):
        await workspaces.delete_workspace(opened, prefix)


async def test_on_postgresql_a_query_that_forgets_its_condition_sees_its_workspace_alone(
    opened, prefix, passwords, registration
):
    if opened.is_sqlite:
        return  # it has no row-level security: there the conditions of the queries hold alone
    await workspaces.create_workspace(opened, prefix)
    await clients.create_client(
        opened, passwords, registration("ada"), workspace=prefix, scopes=frozenset()
    )
    for table in (tables.clients, tables.workspaces):
        for workspace, seen in ((prefix, 1), (f"{prefix}-other", 0)):
            async with opened.reading(workspace) as connection:
                rows = (await connection.execute(select(table))).all()
            assert len(rows) == seen
