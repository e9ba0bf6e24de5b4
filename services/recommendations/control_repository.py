"""All SQL about the definitions of rules and scenarios: names and JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Table, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.recommendations import repository

Definition = dict[str, Any]


async def everything(
    connection: AsyncConnection, workspace: str, table: Table
) -> dict[str, Definition]:
    """Return all definitions by name, sorted."""
    columns = table.c
    query = select(columns.name, columns.definition).where(columns.workspace == workspace)
    rows = await connection.execute(query)
    return {row.name: row.definition for row in sorted(rows, key=lambda row: row.name)}


async def find(
    connection: AsyncConnection, workspace: str, table: Table, name: str
) -> Definition | None:
    """Return the definition of that name."""
    columns = table.c
    query = select(columns.definition).where(columns.workspace == workspace, columns.name == name)
    definition: Definition | None = (await connection.execute(query)).scalar()
    return definition


async def save(
    connection: AsyncConnection,
    workspace: str,
    table: Table,
    name: str,
    definition: Mapping[str, Any],
) -> None:
    """Store a definition, over one of the same name. Needs the workspace's lock alone."""
    await remove(connection, workspace, table, name)
    row = {"workspace": workspace, "name": name, "definition": definition}
    await connection.execute(insert(table).values(row))


async def remove(connection: AsyncConnection, workspace: str, table: Table, name: str) -> None:
    """Delete the definition of that name. Needs the workspace's lock alone."""
    columns = table.c
    await connection.execute(
        delete(table).where(columns.workspace == workspace, columns.name == name)
    )


async def advance(connection: AsyncConnection, workspace: str) -> None:
    """Let replicas see that something changed: controls are read with the catalogue. Needs the lock alone."""
    state = await repository.catalogue_state(connection, workspace)
    after = replace(state, revision=state.revision + 1)
    await repository.save_state(connection, workspace, after)
