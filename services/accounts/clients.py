"""Clients: made, listed, deleted, given new secrets. The command line calls these as well."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from services.accounts import repository
from services.accounts.config import MAX_LIFETIME
from services.accounts.repository import Account
from services.accounts.schemas import CreateClient
from services.database import EVERY_WORKSPACE, Database
from services.security.passwords import Passwords
from services.web.errors import AkinError, BadRequest, NotFound

SECRET_BYTES = 32  # of randomness in a rotated secret: as much as the signing key has


async def create_client(
    database: Database,
    passwords: Passwords,
    registration: CreateClient,
    *,
    workspace: str,
    scopes: frozenset[str],
    new_workspace: bool = False,
) -> str:
    """Add a client with `scopes` to a workspace, which is made with it if asked; return its id.

    Two that ask for the same name at once: the database's unique constraints let one through.

    Raises:
        BadRequest: the username or the e-mail is taken, whoever has it.
        NotFound: there is no such workspace.
    """
    account = Account(
        workspace=workspace,
        client_id=str(uuid.uuid4()),
        username=registration.username,
        name=registration.name,
        email=registration.email,
        scopes=scopes,
        created_at=datetime.now(UTC),
        secret_hash=await passwords.hash(registration.password.get_secret_value()),
    )
    async with database.transaction(EVERY_WORKSPACE) as connection:
        if new_workspace:
            await repository.add_workspace(connection, workspace)
        if await repository.add_client(connection, account):
            return account.client_id
        if await repository.is_username_taken(connection, account.username):
            raise _taken("username")
        if await repository.is_email_taken(connection, account.email):
            raise _taken("email")
    raise _no_workspace(workspace)


def _taken(field: str) -> AkinError:
    return BadRequest(f"Client with this {field} already exists", code=f"{field}_taken")


def _no_workspace(workspace: str) -> AkinError:
    return NotFound(f"The workspace '{workspace}' does not exist.", code="workspace_not_found")


def _no_client(client_id: str) -> AkinError:
    return NotFound(f"Client '{client_id}' does not exist.", code="client_not_found")


async def list_clients(
    database: Database, workspace: str, *, limit: int, after: str = ""
) -> Sequence[Account]:
    """Return up to `limit` clients of the workspace whose id follows `after`, by id."""
    async with database.reading(workspace) as connection:
        return await repository.list_clients(connection, workspace, limit=limit, after=after)


async def find_client(database: Database, workspace: str, client_id: str) -> Account:
    """Return a client of the workspace.

    Raises:
        NotFound: the workspace has no such client.
    """
    async with database.reading(workspace) as connection:
        account = await repository.find_by_id(connection, client_id)
    if account is None or account.workspace != workspace:
        raise _no_client(client_id)
    return account


async def delete_client(database: Database, workspace: str, client_id: str) -> None:
    """Delete a client of the workspace; its tokens end within two seconds.

    Raises:
        NotFound: the workspace has no such client.
    """
    async with database.transaction(workspace) as connection:
        if not await repository.delete_client(connection, workspace, client_id):
            raise _no_client(client_id)
        # It gets no token any more, so this may outlast every one that it has.
        until = time.time() + MAX_LIFETIME
        await repository.revoke(connection, workspace, [client_id], until=until)


async def rotate_secret(
    database: Database, passwords: Passwords, workspace: str, client_id: str, *, lifetime: float
) -> str:
    """Give a client a new secret and return it; the old one and the tokens from it end.

    Raises:
        NotFound: the workspace has no such client.
    """
    secret = secrets.token_urlsafe(SECRET_BYTES)
    hashed = await passwords.hash(secret)
    async with database.transaction(workspace) as connection:
        if not await repository.set_secret(connection, workspace, client_id, hashed):
            raise _no_client(client_id)
    # A second transaction, so that its time lies after the first one's commit: a token that was asked
    # for with the old secret until then expires before `until`, one with the new secret after it.
    async with database.transaction(workspace) as connection:
        until = time.time() + lifetime
        await repository.revoke(connection, workspace, [client_id], until=until)
    return secret
