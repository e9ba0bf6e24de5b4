"""All SQL about what people did and were shown. Writing it is `database.insert_new`, under the lock of
`repository`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from sqlalchemy import Row, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.messages.types import Kind
from services.recommendations.tables import catalogues, impressions, interactions

STREAMED = 5_000  # rows held at once by whoever reads all reactions, some 5 MB


async def user_history(
    connection: AsyncConnection, workspace: str, user_id: str
) -> list[tuple[int, Kind, float | None, datetime]]:
    """Return all reactions of a user, oldest first: item number, kind, value, time."""
    columns = interactions.c
    query = (
        select(columns.item_number, columns.kind, columns.value, columns.occurred_at)
        .where(columns.workspace == workspace, columns.user_id == user_id)
        .order_by(columns.occurred_at, columns.recorded_at, columns.event_id)
    )
    return [tuple(row) for row in await connection.execute(query)]


async def user_impressions(connection: AsyncConnection, workspace: str, user_id: str) -> bytes:
    """Return the numbers of the items that were shown to a user, oldest first, int32."""
    columns = impressions.c
    query = (
        select(columns["items"])
        .where(columns.workspace == workspace, columns.user_id == user_id)
        .order_by(columns.shown_at, columns.recommendation_id)
    )
    return b"".join((await connection.execute(query)).scalars())


async def user_exists(connection: AsyncConnection, workspace: str, user_id: str) -> bool:
    """Tell whether the user reacted to anything or was shown anything."""
    for table in (interactions, impressions):
        query = select(1).where(table.c.workspace == workspace, table.c.user_id == user_id).limit(1)
        if (await connection.execute(query)).first():
            return True
    return False


async def users_after(
    connection: AsyncConnection, workspace: str, after: str, limit: int
) -> list[str]:
    """Return users who reacted to anything, in the order of their ids, those beyond `after`."""
    columns = interactions.c
    query = (
        select(columns.user_id)
        .where(columns.workspace == workspace, columns.user_id > after)
        .group_by(columns.user_id)
        .order_by(columns.user_id)
        .limit(limit)
    )
    return list((await connection.execute(query)).scalars())


async def count_users(connection: AsyncConnection, workspace: str) -> int:
    """Return how many users reacted to anything."""
    query = select(func.count(interactions.c.user_id.distinct()))
    found = await connection.execute(query.where(interactions.c.workspace == workspace))
    return int(found.scalar_one())


async def newest_lists(
    connection: AsyncConnection, workspace: str, before: datetime, limit: int
) -> list[tuple[datetime, bytes]]:
    """Return when lists were shown, and their items (int32), the newest first."""
    columns = impressions.c
    query = (
        select(columns.shown_at, columns["items"])
        .where(columns.workspace == workspace, columns.shown_at < before)
        .order_by(columns.shown_at.desc())
        .limit(limit)
    )
    return [(row[0], row[1]) for row in await connection.execute(query)]


async def like_counts(
    connection: AsyncConnection,
    workspace: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[int, int]:
    """Return how many reactions in favour each item has, of those recorded in this span of time."""
    columns = interactions.c
    in_favour = or_(
        columns.kind.in_(("like", "purchase", "view")),
        and_(columns.kind == "rating", columns.value > 2.5),
    )
    query = (
        select(columns.item_number, func.count())
        .where(columns.workspace == workspace, in_favour)
        .group_by(columns.item_number)
    )
    if since is not None:
        query = query.where(columns.recorded_at >= since)
    if until is not None:
        query = query.where(columns.recorded_at < until)
    return {row[0]: row[1] for row in await connection.execute(query)}


async def interaction_counts(connection: AsyncConnection) -> dict[str, tuple[int, int]]:
    """Return how many reactions each workspace has, and its epoch; needs a transaction for every workspace."""
    of = interactions.c.workspace
    counted = select(of, func.count().label("number")).group_by(of).subquery()
    epoch = func.coalesce(catalogues.c.epoch, 0)
    query = select(counted.c.workspace, counted.c.number, epoch).select_from(
        counted.outerjoin(catalogues, catalogues.c.workspace == counted.c.workspace)
    )
    return {row[0]: (row[1], row[2]) for row in await connection.execute(query)}


async def reactions(
    connection: AsyncConnection, workspace: str
) -> AsyncIterator[Sequence[Row[str, int, str, float | None, datetime, bool]]]:
    """Yield all reactions in parts, oldest first: user, item number, kind, value, time, whether to a list."""
    columns = interactions.c
    query = (
        select(
            columns.user_id,
            columns.item_number,
            columns.kind,
            columns.value,
            columns.occurred_at,
            columns.recommendation_id.is_not(None),
        )
        .where(columns.workspace == workspace)
        .order_by(columns.occurred_at, columns.recorded_at, columns.event_id)
    )
    found = await connection.stream(query, execution_options={"yield_per": STREAMED})
    async for part in found.partitions():
        yield part
