"""All SQL of the recommendations service.

**Locks.** Item numbers and the rows that name them must not outlive a cleanup. So whoever gives
numbers or cleans up holds the workspace's lock alone, and whoever writes rows that name numbers
shares it. SQLite has one writer at a time, which is the same.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Row,
    String,
    bindparam,
    cast,
    delete,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.recommendations.catalogue import Item
from services.recommendations.tables import (
    catalogues,
    experiments,
    impressions,
    interactions,
    items,
    rules,
    scenarios,
)

STREAMED = 5_000  # rows held at once by whoever reads all reactions, some 5 MB
IN_LIST = 500  # ids in one IN (…): below SQLite's limit of parameters, and few statements' shapes


@dataclass(frozen=True, slots=True)
class CatalogueState:
    """Where a workspace's catalogue stands."""

    epoch: int = 0
    revision: int = 0
    generation: int = 0
    next_number: int = 0
    cleaned_at: datetime | None = None


# Made once: making them anew took longer than running them.
_lock_alone = text("SELECT pg_advisory_xact_lock(:key)")
_lock_shared = text("SELECT pg_advisory_xact_lock_shared(:key)")
_state = select(
    catalogues.c.epoch,
    catalogues.c.revision,
    catalogues.c.generation,
    catalogues.c.next_number,
    catalogues.c.cleaned_at,
).where(catalogues.c.workspace == bindparam("workspace"))


async def lock(connection: AsyncConnection, workspace: str, *, shared: bool) -> None:
    """Hold the workspace's lock until the transaction ends."""
    if connection.dialect.name != "postgresql":
        return
    key = zlib.crc32(b"catalogue:" + workspace.encode())
    await connection.execute(_lock_shared if shared else _lock_alone, {"key": key})


async def catalogue_state(connection: AsyncConnection, workspace: str) -> CatalogueState:
    """Return where the catalogue stands; a workspace that nobody used stands at the beginning."""
    row = (await connection.execute(_state, {"workspace": workspace})).first()
    return CatalogueState(*row) if row else CatalogueState()


async def save_state(connection: AsyncConnection, workspace: str, state: CatalogueState) -> None:
    """Store where the catalogue stands. Needs the lock alone."""
    values = {
        "epoch": state.epoch,
        "revision": state.revision,
        "generation": state.generation,
        "next_number": state.next_number,
        "cleaned_at": state.cleaned_at,
    }
    changed = await connection.execute(
        update(catalogues).where(catalogues.c.workspace == workspace).values(values)
    )
    if not changed.rowcount:
        await connection.execute(insert(catalogues).values(workspace=workspace, **values))


async def changed_items(connection: AsyncConnection, workspace: str, after: int) -> list[Item]:
    """Return the items that changed after the revision `after`."""
    query = select(items).where(items.c.workspace == workspace, items.c.revision > after)
    return [_item(row) async for row in await connection.stream(query)]


async def items_by_id(
    connection: AsyncConnection, workspace: str, item_ids: Sequence[str]
) -> dict[str, Item]:
    """Return those of the items that exist, listed or only named."""
    found: dict[str, Item] = {}
    for start in range(0, len(item_ids), IN_LIST):
        part = item_ids[start : start + IN_LIST]
        query = select(items).where(items.c.workspace == workspace, items.c.item_id.in_(part))
        found |= {row.item_id: _item(row) for row in await connection.execute(query)}
    return found


async def items_by_number(
    connection: AsyncConnection, workspace: str, numbers: Sequence[int]
) -> dict[int, Item]:
    """Return the items with these numbers."""
    found: dict[int, Item] = {}
    for start in range(0, len(numbers), IN_LIST):
        part = numbers[start : start + IN_LIST]
        query = select(items).where(items.c.workspace == workspace, items.c.number.in_(part))
        found |= {row.number: _item(row) for row in await connection.execute(query)}
    return found


async def find_items(
    connection: AsyncConnection,
    workspace: str,
    *,
    text_in_title: str | None,
    genre: str | None,
    after: int,
    limit: int,
) -> list[Item]:
    """Return listed items by number, whose title or id contains the text and which have the genre.

    Case is ignored (of ASCII letters). Genres are matched in the column's JSON text, which both databases can do.
    """
    query = select(items).where(
        items.c.workspace == workspace, items.c.listed, items.c.number > after
    )
    if text_in_title:
        query = query.where(
            or_(
                items.c.title.icontains(text_in_title, autoescape=True),
                items.c.item_id.icontains(text_in_title, autoescape=True),
            )
        )
    if genre:
        as_text = cast(items.c.genres, String)
        query = query.where(as_text.icontains(json.dumps(genre), autoescape=True))
    rows = await connection.execute(query.order_by(items.c.number).limit(limit))
    return [_item(row) for row in rows]


def _item(row: Row[Any]) -> Item:
    return Item(
        number=row.number,
        item_id=row.item_id,
        title=row.title,
        genres=tuple(row.genres),
        labels=row.labels,
        published_at=row.published_at,
        hidden=row.hidden,
        listed=row.listed,
    )


def _columns(item: Item) -> dict[str, Any]:
    return {
        "item_id": item.item_id,
        "title": item.title,
        "genres": list(item.genres),
        "labels": dict(item.labels),
        "published_at": item.published_at,
        "hidden": item.hidden,
        "listed": item.listed,
    }


async def insert_items(
    connection: AsyncConnection, workspace: str, new: Sequence[Item], revision: int
) -> None:
    """Insert items under the numbers they carry. Needs the lock alone."""
    rows = [
        {"workspace": workspace, "number": i.number, "revision": revision, **_columns(i)}
        for i in new
    ]
    if rows:
        await connection.execute(insert(items), rows)


async def update_items(
    connection: AsyncConnection, workspace: str, changed: Iterable[Item], revision: int
) -> None:
    """Replace what is known of items. Needs the lock alone."""
    rows = [{"at": item.number, "revision": revision, **_columns(item)} for item in changed]
    if rows:
        await connection.execute(
            update(items).where(items.c.workspace == workspace, items.c.number == bindparam("at")),
            rows,
        )


async def clean(connection: AsyncConnection, workspace: str) -> CatalogueState:
    """Delete all rows of the workspace and return the new, empty state. Takes the lock alone."""
    await lock(connection, workspace, shared=False)
    before = await catalogue_state(connection, workspace)
    for table in (impressions, interactions, items, rules, scenarios, experiments):
        await connection.execute(delete(table).where(table.c.workspace == workspace))
    state = CatalogueState(
        epoch=before.epoch + 1,
        revision=before.revision + 1,
        generation=before.generation + 1,
        next_number=0,
        cleaned_at=datetime.now(UTC),
    )
    await save_state(connection, workspace, state)
    return state
