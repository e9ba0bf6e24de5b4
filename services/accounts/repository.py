"""All SQL of the accounts service. A transaction comes as a parameter; its edge is in the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.accounts.tables import clients, revocations, workspaces
from services.database import insert_new
from services.security.scopes import parse, render


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A client as it is stored."""

    workspace: str
    client_id: str
    username: str
    name: str
    email: str
    scopes: frozenset[str]
    created_at: datetime
    secret_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace and how many clients it has."""

    workspace: str
    created_at: datetime
    clients: int


async def add_workspace(connection: AsyncConnection, workspace: str) -> bool:
    """Add a workspace; False if it is there already."""
    row = {"workspace": workspace, "created_at": datetime.now(UTC)}
    return bool(await insert_new(connection, workspaces, [row], returning=workspaces.c.workspace))


async def list_workspaces(connection: AsyncConnection) -> list[Workspace]:
    """Return every workspace that the transaction sees, by name."""
    query = (
        select(workspaces, func.count(clients.c.client_id).label("clients"))
        .outerjoin(clients, clients.c.workspace == workspaces.c.workspace)
        .group_by(workspaces.c.workspace, workspaces.c.created_at)
        .order_by(workspaces.c.workspace)
    )
    return [Workspace(**row) for row in (await connection.execute(query)).mappings()]


async def delete_workspace(connection: AsyncConnection, workspace: str) -> list[str] | None:
    """Delete a workspace and its clients; return their ids, None if there is no such workspace."""
    # The lock makes a registration that is under way wait, and then fail for want of the workspace.
    lock = select(workspaces).where(workspaces.c.workspace == workspace).with_for_update()
    if (await connection.execute(lock)).first() is None:
        return None
    deletion = delete(clients).where(clients.c.workspace == workspace)
    deleted = list((await connection.execute(deletion.returning(clients.c.client_id))).scalars())
    await connection.execute(delete(workspaces).where(workspaces.c.workspace == workspace))
    return deleted


async def add_client(connection: AsyncConnection, account: Account) -> bool:
    """Add a client; False if its username or e-mail is taken, or its workspace does not exist."""
    row = {
        "workspace": account.workspace,
        "client_id": account.client_id,
        "username": account.username,
        "name": account.name,
        "email": account.email,
        "email_key": account.email.lower(),
        "secret_hash": account.secret_hash,
        "scopes": render(account.scopes),
        "created_at": account.created_at,
    }
    try:
        async with connection.begin_nested():
            added = await insert_new(connection, clients, [row], returning=clients.c.client_id)
    except IntegrityError:
        return False
    return bool(added)


async def is_username_taken(connection: AsyncConnection, username: str) -> bool:
    """Return whether any client, of any workspace, has the username."""
    query = select(clients.c.client_id).where(clients.c.username == username)
    return (await connection.execute(query)).first() is not None


async def is_email_taken(connection: AsyncConnection, email: str) -> bool:
    """Return whether any client, of any workspace, has the e-mail."""
    query = select(clients.c.client_id).where(clients.c.email_key == email.lower())
    return (await connection.execute(query)).first() is not None


async def find_by_username(connection: AsyncConnection, username: str) -> Account | None:
    """Return the client with the username, from any workspace."""
    query = select(clients).where(clients.c.username == username)
    return _account((await connection.execute(query)).first())


async def find_by_id(connection: AsyncConnection, client_id: str) -> Account | None:
    """Return the client with the id, from any workspace that the transaction sees."""
    query = select(clients).where(clients.c.client_id == client_id)
    return _account((await connection.execute(query)).first())


async def list_clients(
    connection: AsyncConnection, workspace: str, *, limit: int, after: str
) -> list[Account]:
    """Return up to `limit` clients of the workspace whose id follows `after`, by id."""
    query = (
        select(clients)
        .where(clients.c.workspace == workspace, clients.c.client_id > after)
        .order_by(clients.c.client_id)
        .limit(limit)
    )
    return [found for row in await connection.execute(query) if (found := _account(row))]


async def delete_client(connection: AsyncConnection, workspace: str, client_id: str) -> bool:
    """Delete a client; False if the workspace has none with this id."""
    deletion = delete(clients).where(
        clients.c.workspace == workspace, clients.c.client_id == client_id
    )
    return (await connection.execute(deletion)).rowcount > 0


async def set_secret(
    connection: AsyncConnection, workspace: str, client_id: str, secret_hash: str
) -> bool:
    """Replace a client's secret; False if the workspace has no client with this id."""
    change = (
        update(clients)
        .where(clients.c.workspace == workspace, clients.c.client_id == client_id)
        .values(secret_hash=secret_hash)
    )
    return (await connection.execute(change)).rowcount > 0


async def revoke(
    connection: AsyncConnection, workspace: str, ids: Sequence[str], *, until: float
) -> None:
    """Revoke tokens or clients, for every token that expires by `until` (seconds since 1970)."""
    now, expires_at = datetime.now(UTC), datetime.fromtimestamp(until, UTC)
    rows = [
        {"workspace": workspace, "revoked_id": i, "expires_at": expires_at, "recorded_at": now}
        for i in ids
    ]
    await insert_new(connection, revocations, rows, returning=revocations.c.revoked_id)


async def list_revoked(
    connection: AsyncConnection, *, since: datetime | None
) -> set[tuple[str, float]]:
    """Return ids and their times, of what is still revoked and was recorded after `since`."""
    query = select(revocations.c.revoked_id, revocations.c.expires_at)
    if since is None:
        query = query.where(revocations.c.expires_at > datetime.now(UTC))
    else:
        query = query.where(revocations.c.recorded_at > since)
    return {(row.revoked_id, row.expires_at.timestamp()) for row in await connection.execute(query)}


async def forget_expired(connection: AsyncConnection, *, before: datetime) -> None:
    """Delete what expired before `before`: those tokens hold no longer anyway."""
    await connection.execute(delete(revocations).where(revocations.c.expires_at < before))


def _account(row: Row[tuple[object, ...]] | None) -> Account | None:
    if row is None:
        return None
    fields = {name: value for name, value in row._mapping.items() if name != "email_key"}
    return Account(**fields | {"scopes": parse(row.scopes)})
