"""Workspaces: made, listed and deleted by the command line; isolated registration makes one each."""

from __future__ import annotations

import re
import time

from services.accounts import repository
from services.accounts.config import MAX_LIFETIME
from services.accounts.repository import Workspace
from services.accounts.schemas import WORKSPACE
from services.database import EVERY_WORKSPACE, Database
from services.web.errors import BadRequest, Conflict, NotFound

DEFAULT = "default"  # made by the migration; an installation for one tenant never notices it


async def create_workspace(database: Database, workspace: str) -> None:
    """Make a workspace.

    Raises:
        BadRequest: not a name of up to 64 lower-case letters, digits and inner hyphens.
        Conflict: the name is taken.
    """
    if not re.fullmatch(WORKSPACE, workspace):
        raise BadRequest(
            "A workspace's name has 1 to 64 lower-case letters, digits and, inside, hyphens.",
            code="invalid_workspace",
        )
    async with database.transaction(workspace) as connection:
        if not await repository.add_workspace(connection, workspace):
            raise Conflict(f"The workspace '{workspace}' already exists.", code="workspace_exists")


async def list_workspaces(database: Database) -> list[Workspace]:
    """Return every workspace with the number of its clients, by name."""
    async with database.reading(EVERY_WORKSPACE) as connection:
        return await repository.list_workspaces(connection)


async def delete_workspace(database: Database, workspace: str) -> int:
    """Delete a workspace, its clients and their tokens; return the number of clients.

    What other services hold of the workspace is theirs to delete (`platform.cleaned`).

    Raises:
        BadRequest: `default`, where anyone registers, stays.
        NotFound: there is no such workspace.
    """
    if workspace == DEFAULT:
        raise BadRequest("The workspace 'default' cannot be deleted.", code="invalid_workspace")
    async with database.transaction(workspace) as connection:
        deleted = await repository.delete_workspace(connection, workspace)
        if deleted is None:
            raise NotFound(
                f"The workspace '{workspace}' does not exist.", code="workspace_not_found"
            )
        until = time.time() + MAX_LIFETIME
        await repository.revoke(connection, workspace, deleted, until=until)
    return len(deleted)
