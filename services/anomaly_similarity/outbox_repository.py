"""All SQL about the outbox: events that are stored with what they tell of, until the broker has them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity.lookups import IN_LIST, among
from services.anomaly_similarity.tables import outbox
from services.database import insert_new
from services.messages.envelope import Event, decode, encode

AT_ONCE = IN_LIST // 2  # events in one IN (…), of two parameters each
_KEY = outbox.c.workspace, outbox.c.event_id


async def put(connection: AsyncConnection, events: Sequence[Event]) -> None:
    """Store events, in the transaction of what they tell of."""
    rows = [
        {
            "workspace": event.workspace,
            "event_id": event.id,
            "body": encode([event]).decode(),
            "written_at": event.time,
        }
        for event in events
    ]
    await insert_new(connection, outbox, rows, returning=outbox.c.event_id)


async def take(connection: AsyncConnection, until: datetime, *, limit: int) -> list[Event]:
    """Return the oldest events that were written by `until`, but for those that another relay has taken.

    They are taken until the transaction ends.
    """
    query = (
        select(outbox.c.body)
        .where(outbox.c.written_at <= until)
        .order_by(outbox.c.written_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    bodies = (await connection.execute(query)).scalars()
    return [event for body in bodies for event in decode(body.encode())]


async def remove(connection: AsyncConnection, events: Sequence[Event]) -> None:
    """Delete events that the broker has."""
    places = [(event.workspace, event.id) for event in events]
    for start in range(0, len(places), AT_ONCE):
        some = among(connection, _KEY, places[start : start + AT_ONCE])
        await connection.execute(delete(outbox).where(some))
