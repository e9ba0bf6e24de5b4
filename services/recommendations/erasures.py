"""All SQL about erasures: receipts, the rows of a person, and what late arrivals are compared with.

A receipt is written while its workspace's lock is held alone. So whoever writes rows under the shared lock
either has committed before it, and these rows are deleted, or finds it: `since` tells what to drop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from hashlib import sha256

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.recommendations import repository
from services.recommendations.tables import catalogues, erasures, impressions, interactions

AT_ONCE = 2_000  # rows in one transaction, some 20 ms: others write in between

_newest_erasure = select(func.max(erasures.c.requested_at)).where(
    erasures.c.workspace == bindparam("workspace")
)
_standing = select(
    *(catalogues.c[each.name] for each in fields(repository.CatalogueState)),
    _newest_erasure.scalar_subquery(),
).where(catalogues.c.workspace == bindparam("workspace"))


@dataclass(frozen=True, slots=True)
class Receipt:
    """An erasure, and when its parts were done. It does not tell whose it was."""

    receipt_id: str
    requested_at: datetime
    rows_done_at: datetime | None
    caches_done_at: datetime | None
    model_done_at: datetime | None  # stored only where no model ever saw the user


@dataclass(frozen=True, slots=True)
class Erased:
    """Who asked to be erased lately: hash of the user → the latest moment."""

    workspace: str
    at: Mapping[str, datetime] = field(default_factory=dict)

    def holds(self, user_id: str, moment: datetime) -> bool:
        """Tell whether what was accepted at `moment` is to be dropped: the user asked for it later."""
        if not self.at:
            return False
        asked = self.at.get(user_hash(self.workspace, user_id))
        return asked is not None and moment <= asked


def user_hash(workspace: str, user_id: str) -> str:
    """Return what receipts know a user by."""
    return sha256(f"{workspace}\0{user_id}".encode()).hexdigest()


async def standing(
    connection: AsyncConnection, workspace: str
) -> tuple[repository.CatalogueState, datetime | None]:
    """Return where the catalogue stands, and when the newest erasure was asked for, in one look."""
    row = (await connection.execute(_standing, {"workspace": workspace})).first()
    if row is not None:
        return repository.CatalogueState(*row[:-1]), row[-1]
    newest = await connection.execute(_newest_erasure, {"workspace": workspace})
    return repository.CatalogueState(), newest.scalar()


async def since(
    connection: AsyncConnection, workspace: str, moment: datetime, newest: datetime | None
) -> Erased:
    """Return the erasures that were asked for at `moment` or later. Needs the lock, shared or alone.

    `newest` is what `standing` said under the same lock. `moment` is when the oldest of what is at hand was
    accepted: mostly an instant ago, and nothing needs to be read. After an outage, or for a dead letter, it
    may be days.
    """
    if newest is None or newest < moment:
        return Erased(workspace)
    columns = erasures.c
    query = (
        select(columns.user_hash, func.max(columns.requested_at))
        .where(columns.workspace == workspace, columns.requested_at >= moment)
        .group_by(columns.user_hash)
    )
    return Erased(workspace, {row[0]: row[1] for row in await connection.execute(query)})


async def ask(
    connection: AsyncConnection, workspace: str, user_id: str, receipt_id: str
) -> Receipt:
    """Write the receipt of a new erasure. Takes the lock alone.

    It is dated at least as late as the user's newest row, whatever the clocks of other machines said.
    """
    await repository.lock(connection, workspace, shared=False)
    reacted = await _newest(connection, workspace, user_id, "recorded_at")
    shown = await _newest(connection, workspace, user_id, "shown_at")
    now = max(filter(None, (datetime.now(UTC), reacted, shown)))
    hashed = user_hash(workspace, user_id)
    unknown = reacted is None and not await _waits_for_a_model(connection, workspace, hashed)
    row = {
        "receipt_id": receipt_id,
        "requested_at": now,
        "rows_done_at": None,
        "caches_done_at": None,
        "model_done_at": now if unknown else None,
    }
    owner = {"workspace": workspace, "user_hash": hashed}
    await connection.execute(insert(erasures).values(row | owner))
    return Receipt(receipt_id, now, None, None, now if unknown else None)


async def _newest(
    connection: AsyncConnection, workspace: str, user_id: str, column: str
) -> datetime | None:
    table = interactions if column in interactions.c else impressions
    query = select(func.max(table.c[column])).where(
        table.c.workspace == workspace, table.c.user_id == user_id
    )
    newest: datetime | None = (await connection.execute(query)).scalar_one()
    return newest


async def _waits_for_a_model(connection: AsyncConnection, workspace: str, hashed: str) -> bool:
    """Tell whether the user was erased before, and may be in a model since."""
    columns = erasures.c
    query = select(columns.receipt_id).where(
        columns.workspace == workspace,
        columns.user_hash == hashed,
        columns.model_done_at.is_(None),
    )
    return (await connection.execute(query.limit(1))).first() is not None


async def delete_rows(
    connection: AsyncConnection, workspace: str, user_id: str, until: datetime
) -> int:
    """Delete some of the user's rows that were written by `until`; return how many, 0 when none is left."""
    deleted = 0
    for key, written in (
        (interactions.c.event_id, interactions.c.recorded_at),
        (impressions.c.recommendation_id, impressions.c.shown_at),
    ):
        columns = key.table.c
        mine = (columns.workspace == workspace, columns.user_id == user_id, written <= until)
        some = select(key).where(*mine).limit(AT_ONCE).scalar_subquery()
        query = delete(key.table).where(columns.workspace == workspace, key.in_(some))
        deleted += (await connection.execute(query)).rowcount
    return deleted


async def mark(
    connection: AsyncConnection, workspace: str, user_id: str, until: datetime, *parts: str
) -> None:
    """Note that these parts (columns) of the user's erasures up to `until` are done."""
    columns, now = erasures.c, datetime.now(UTC)
    for part in parts:
        open_ones = update(erasures).where(
            columns.workspace == workspace,
            columns.user_hash == user_hash(workspace, user_id),
            columns.requested_at <= until,
            columns[part].is_(None),
        )
        await connection.execute(open_ones.values({part: now}))


async def receipt(connection: AsyncConnection, workspace: str, receipt_id: str) -> Receipt | None:
    """Return a receipt."""
    columns = erasures.c
    query = select(
        columns.receipt_id,
        columns.requested_at,
        columns.rows_done_at,
        columns.caches_done_at,
        columns.model_done_at,
    ).where(columns.workspace == workspace, columns.receipt_id == receipt_id)
    row = (await connection.execute(query)).first()
    return Receipt(*row) if row else None
