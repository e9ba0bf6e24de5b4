"""One contract, on SQLite and PostgreSQL: transactions, bulk inserts, what is away."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from services.away import Away
from services.database import Database, insert_new
from tests.integration.database.conftest import things


def row(workspace: str, thing_id: str, **values: Any) -> dict[str, Any]:
    empty = {"count": None, "share": None, "at": None, "notes": None}
    return {"workspace": workspace, "thing_id": thing_id} | empty | values


async def ids(db: Database, workspace: str) -> list[str]:
    async with db.reading(workspace) as connection:
        query = select(things.c.thing_id).where(things.c.workspace == workspace)
        return list((await connection.execute(query.order_by(things.c.thing_id))).scalars())


async def test_a_transaction_commits_at_its_end(db: Database, workspace: str) -> None:
    async with db.transaction(workspace) as connection:
        await connection.execute(insert(things), [row(workspace, "a"), row(workspace, "b")])
    assert await ids(db, workspace) == ["a", "b"]


async def test_a_transaction_that_fails_leaves_nothing(db: Database, workspace: str) -> None:
    async def fail() -> None:
        async with db.transaction(workspace) as connection:
            await connection.execute(insert(things), [row(workspace, "a")])
            raise ValueError("No.")

    with pytest.raises(ValueError, match="No"):
        await fail()
    assert await ids(db, workspace) == []


async def test_a_cancelled_transaction_leaves_nothing_and_gives_its_connection_back(
    db: Database, workspace: str
) -> None:
    async def stay() -> None:
        async with db.transaction(workspace) as connection:
            await connection.execute(insert(things), [row(workspace, "a")])
            await asyncio.sleep(60)

    for _ in range(8):  # more than there are connections
        task = asyncio.create_task(stay())
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await ids(db, workspace) == []


async def test_a_reader_sees_nothing_of_a_transaction_before_its_end(
    db: Database, workspace: str
) -> None:
    async with db.transaction(workspace) as connection:
        await connection.execute(insert(things), [row(workspace, "a")])
        assert await ids(db, workspace) == []
    assert await ids(db, workspace) == ["a"]


async def test_a_reader_sees_one_state_however_long_it_reads(db: Database, workspace: str) -> None:
    count = select(func.count()).select_from(things).where(things.c.workspace == workspace)
    async with db.reading(workspace) as connection:
        assert (await connection.execute(count)).scalar() == 0
        async with db.transaction(workspace) as other:
            await other.execute(insert(things), [row(workspace, "a")])
        assert (await connection.execute(count)).scalar() == 0


async def test_concurrent_writers_wait_for_one_another(db: Database, workspace: str) -> None:
    async with db.transaction(workspace) as connection:
        await connection.execute(insert(things), [row(workspace, "a", count=0)])

    async def increment() -> None:
        async with db.transaction(workspace) as connection:
            changed = update(things).where(things.c.workspace == workspace)
            await connection.execute(changed.values(count=things.c.count + 1))

    await asyncio.gather(*(increment() for _ in range(20)))
    async with db.reading(workspace) as connection:
        found = await connection.execute(select(things.c.count).filter_by(workspace=workspace))
        assert found.scalar() == 20


async def test_a_mistake_in_a_query_is_not_taken_for_an_outage(
    db: Database, workspace: str
) -> None:
    for mistake in ("SELECT * FROM nothing", "SELEC", "SELECT nothing FROM test_things"):
        with pytest.raises(DBAPIError):
            async with db.reading(workspace) as connection:
                await connection.execute(text(mistake))


async def test_a_broken_rule_of_the_table_is_not_taken_for_an_outage(
    db: Database, workspace: str
) -> None:
    with pytest.raises(IntegrityError):
        async with db.transaction(workspace) as connection:
            await connection.execute(insert(things), [row(workspace, "a"), row(workspace, "a")])


async def test_inserting_new_rows_tells_which_were_new(db: Database, workspace: str) -> None:
    async def add(*names: str) -> set[str]:
        async with db.transaction(workspace) as connection:
            rows = [row(workspace, name) for name in names]
            return set(await insert_new(connection, things, rows, returning=things.c.thing_id))

    assert await add() == set()
    assert await add("a", "b") == {"a", "b"}
    assert await add("b", "c") == {"c"}
    assert await add("a", "b", "c") == set()
    assert await ids(db, workspace) == ["a", "b", "c"]


async def test_a_row_that_is_there_stays_as_it_was(db: Database, workspace: str) -> None:
    for count in (1, 2):
        async with db.transaction(workspace) as connection:
            rows = [row(workspace, "a", count=count)]
            await insert_new(connection, things, rows, returning=things.c.thing_id)
    async with db.reading(workspace) as connection:
        found = await connection.execute(select(things.c.count).filter_by(workspace=workspace))
        assert found.scalar() == 1


async def test_a_thousand_rows_of_every_type_come_back_as_they_were(
    db: Database, workspace: str
) -> None:
    start = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    rows = [
        row(
            workspace,
            f"{n:04}-ünï'\"",
            count=n,
            share=n / 7,
            at=start + timedelta(microseconds=n),
            notes={"n": [n, "ü", None]},
        )
        for n in range(1_000)
    ]
    async with db.transaction(workspace) as connection:
        new = await insert_new(connection, things, rows, returning=things.c.thing_id)
    assert len(new) == 1_000
    async with db.reading(workspace) as connection:
        query = select(things).filter_by(workspace=workspace).order_by(things.c.thing_id)
        found = [dict(each._mapping) for each in await connection.execute(query)]
    assert found == rows
    assert found[0]["at"].tzinfo is UTC


async def test_concurrent_inserts_of_the_same_rows_are_new_once(
    db: Database, workspace: str
) -> None:
    rows = [row(workspace, f"{n}") for n in range(100)]

    async def add() -> int:
        async with db.transaction(workspace) as connection:
            return len(await insert_new(connection, things, rows, returning=things.c.thing_id))

    assert sum(await asyncio.gather(*(add() for _ in range(5)))) == 100


async def test_a_time_without_a_zone_is_a_mistake(db: Database, workspace: str) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001
    with pytest.raises(StatementError, match="time zone"):
        async with db.transaction(workspace) as connection:
            await connection.execute(insert(things), [row(workspace, "a", at=naive)])


class OtherAway(Away):
    """As what the cache or the broker says when it is away."""


async def test_what_somebody_else_says_inside_a_transaction_passes_unchanged(
    db: Database, workspace: str
) -> None:
    for begin in (db.transaction, db.reading):
        with pytest.raises(OtherAway):
            async with begin(workspace):
                raise OtherAway("Somebody else is away.")


async def test_answers_a_check(db: Database) -> None:
    await db.check()
