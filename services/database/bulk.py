"""Bulk inserts that tell what was new: the base of every idempotent consumer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, Insert, String, Table, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine


async def insert_new(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    returning: Column[Any],
) -> list[Any]:
    """Insert the rows whose key is not there yet and return `returning` of those that were new.

    All rows must have the same keys. On PostgreSQL they travel as one array per column, in one
    statement whose text does not depend on their number: that is several times as fast as a long
    VALUES list, which has to be rendered and parsed anew for every length.
    """
    if not rows:
        return []
    columns = list(rows[0])
    if connection.dialect.name == "sqlite":
        statement = sqlite.insert(table).on_conflict_do_nothing().returning(returning)
        return list((await connection.execute(statement, list(rows))).scalars())
    arrays = {name: [row[name] for row in rows] for name in columns}
    return list(
        (await connection.execute(_from_arrays(table, tuple(columns), returning), arrays)).scalars()
    )


@cache  # building it takes longer than inserting a few rows; there is one for each use in the code
def _from_arrays(table: Table, columns: tuple[str, ...], returning: Column[Any]) -> Insert:
    arrays = [
        bindparam(name, type_=postgresql.ARRAY(_unbounded(table.c[name]), dimensions=1))
        for name in columns
    ]
    source = func.unnest(*arrays).table_valued(*columns).render_derived()
    selected = select(*(source.c[name] for name in columns))
    return (
        postgresql.insert(table)
        .from_select(columns, selected)
        .on_conflict_do_nothing()
        .returning(returning)
    )


def _unbounded(column: Column[Any]) -> TypeEngine[Any]:
    # A cast to varchar(n) would cut what is too long; without the bound the insert refuses it.
    return String() if isinstance(column.type, String) else column.type
