"""All SQL about components and people: records that anomalies name by one id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Row, Table, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity.lookups import rows_by_id
from services.anomaly_similarity.tables import (
    anomalies,
    anomaly_components,
    anomaly_users,
    components,
    profiles,
)
from services.database import insert_new

Named = Mapping[str, str | None]  # a component or a person: every field, the id too


@dataclass(frozen=True, slots=True)
class Kind:
    """Components, or people: their table, the field of their id, and the table of who names them."""

    table: Table
    key: str
    links: Table
    fields: tuple[str, ...]

    @property
    def id(self) -> Column[Any]:
        """The column of the id."""
        return self.table.c[self.key]


COMPONENTS = Kind(
    components,
    "component_id",
    anomaly_components,
    ("component_id", "name", "location", "status", "component_type"),
)
PROFILES = Kind(profiles, "user_name", anomaly_users, ("user_name", "role", "email"))


async def by_id(
    connection: AsyncConnection, workspace: str, kind: Kind, ids: Sequence[str]
) -> dict[str, Named]:
    """Return those of the records that exist."""
    rows = await rows_by_id(connection, kind.table, kind.key, workspace, ids)
    return {row._mapping[kind.key]: _named(kind, row) for row in rows}


async def page(
    connection: AsyncConnection, workspace: str, kind: Kind, *, after: str, limit: int
) -> list[Named]:
    """Return the records whose id follows `after`, by id."""
    query = _select(kind, workspace).where(kind.id > after).order_by(kind.id).limit(limit)
    return [_named(kind, row) for row in await connection.execute(query)]


async def changed(
    connection: AsyncConnection, workspace: str, kind: Kind, after: int
) -> list[Named]:
    """Return what changed after a revision. One that was deleted changed the anomalies that named it."""
    query = _select(kind, workspace).where(kind.table.c.revision > after)
    return [_named(kind, row) for row in await connection.execute(query)]


def _select(kind: Kind, workspace: str) -> Any:
    columns = (kind.table.c[name] for name in kind.fields)
    return select(*columns).where(kind.table.c.workspace == workspace)


def _named(kind: Kind, row: Row[Any]) -> Named:
    return {name: row._mapping[name] for name in kind.fields}


async def add_bare(
    connection: AsyncConnection,
    workspace: str,
    kind: Kind,
    ids: Sequence[str],
    at: datetime,
    revision: int,
) -> None:
    """Add records of which nothing but the id is known, where there are none. Needs the lock."""
    stamp = {"workspace": workspace, "written_at": at, "revision": revision}
    rows = [{**stamp, kind.key: each} for each in ids]
    await insert_new(connection, kind.table, rows, returning=kind.id)


async def write(
    connection: AsyncConnection,
    workspace: str,
    kind: Kind,
    new: Sequence[Named],
    replaced: Sequence[Named],
    at: datetime,
    revision: int,
) -> None:
    """Insert and replace records. Needs the lock."""
    stamp = {"written_at": at, "revision": revision}
    if new:
        rows = [{"workspace": workspace, **each, **stamp} for each in new]
        await connection.execute(insert(kind.table), rows)
    if replaced:
        here = kind.table.c.workspace == workspace, kind.id == bindparam("of")
        rows = [{"of": each[kind.key], **each, **stamp} for each in replaced]
        await connection.execute(update(kind.table).where(*here), rows)


async def remove(
    connection: AsyncConnection, workspace: str, kind: Kind, identifier: str, revision: int
) -> None:
    """Delete a record, and its name from the anomalies that have it. Needs the lock."""
    here = kind.table.c.workspace == workspace, kind.id == identifier
    await connection.execute(delete(kind.table).where(*here))
    links = kind.links.c.workspace == workspace, kind.links.c[kind.key] == identifier
    naming = select(kind.links.c.anomaly_id).where(*links)
    of_these = anomalies.c.workspace == workspace, anomalies.c.anomaly_id.in_(naming)
    await connection.execute(update(anomalies).where(*of_these).values(revision=revision))
    await connection.execute(delete(kind.links).where(*links))
