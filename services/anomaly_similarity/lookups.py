"""Finding rows by many ids at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Row,
    Select,
    String,
    Table,
    bindparam,
    func,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

IN_LIST = 500  # ids in one IN (…): below SQLite's limit of parameters, and few statements' shapes


async def rows_by_id(
    connection: AsyncConnection, table: Table, key: str, workspace: str, ids: Sequence[str]
) -> list[Row[Any]]:
    """Return the rows whose column `key`, the first after the workspace in an index, has one of these ids."""
    if connection.dialect.name == "postgresql":
        given = {"of": workspace, "ids": list(ids)}
        return list(await connection.execute(_one_by_one(table, key), given)) if ids else []
    rows: list[Row[Any]] = []
    for start in range(0, len(ids), IN_LIST):
        part = ids[start : start + IN_LIST]
        query = select(table).where(table.c.workspace == workspace, table.c[key].in_(part))
        rows += await connection.execute(query)
    return rows


def among(
    connection: AsyncConnection, of: Sequence[Column[Any]], pairs: Sequence[tuple[str, str]]
) -> ColumnElement[bool]:
    """Return the condition that two columns have one of these pairs of values; for SQLite at most `IN_LIST` / 2.

    On PostgreSQL its text is the same for any number of them, and so it is prepared once.
    """
    if connection.dialect.name == "sqlite":
        return tuple_(*of).in_(list(pairs))
    arrays = [bindparam(None, [*each], type_=ARRAY(String)) for each in zip(*pairs, strict=True)]
    given = func.unnest(*arrays).table_valued("first", "second").render_derived()
    return tuple_(*of).in_(select(given.c.first, given.c.second))


@cache
def _one_by_one(table: Table, key: str) -> Select[Any]:
    """Return the query that looks into the primary key once for each id.

    With IN (…) PostgreSQL reads the whole workspace while it has no statistics yet: each batch of an import
    of 100,000 rows took longer than the one before, 80 s in all.
    """
    ids = func.unnest(bindparam("ids", type_=ARRAY(String)))
    wanted = ids.table_valued("id").render_derived()
    here = table.c.workspace == bindparam("of"), table.c[key] == wanted.c.id
    found = select(table).where(*here).offset(0).lateral("found")  # an offset is not planned around
    return select(found).select_from(wanted.join(found, true()))
