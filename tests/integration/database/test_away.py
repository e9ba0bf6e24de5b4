"""A database that is away, locked or busy: one error, in time, and no connection is lost by it."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from services import database
from services.database import DatabaseUnavailable


async def refuse(url: str, *, within: float) -> None:
    async with database.connect(url) as away:
        started = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            async with away.reading("w") as connection:
                await connection.execute(text("SELECT 1"))
        with pytest.raises(DatabaseUnavailable):
            async with away.transaction("w") as connection:
                await connection.execute(text("SELECT 1"))
        with pytest.raises(DatabaseUnavailable):
            await away.check()
        assert time.monotonic() - started < within


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    await refuse("postgresql+asyncpg://akin:secret@127.0.0.1:1/akin", within=2)


async def test_a_server_that_does_not_answer_is_unavailable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.database.engine.CONNECT_TIMEOUT", 0.3)
    with socket.socket() as frozen:  # it accepts connections, and never says a word
        frozen.bind(("127.0.0.1", 0))
        frozen.listen()
        port = frozen.getsockname()[1]
        await refuse(f"postgresql+asyncpg://akin:secret@127.0.0.1:{port}/akin", within=3)


async def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    await refuse(f"sqlite+aiosqlite:///{tmp_path}/missing/akin.db", within=2)


async def test_a_file_that_another_process_keeps_locked_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.database.engine.LOCK_TIMEOUT", 0.1)
    url = f"sqlite+aiosqlite:///{tmp_path}/akin.db"
    async with database.connect(url) as one, database.connect(url) as other:
        async with one.transaction("w"):
            with pytest.raises(DatabaseUnavailable):
                async with other.transaction("w"):
                    pass
        async with other.transaction("w"):
            pass


async def test_a_connection_that_the_server_closed_is_unavailable_and_the_next_one_works(
    database_url: str,
) -> None:
    async with database.connect(database_url, pool_size=2) as db:

        async def be_cut_off() -> None:
            async with db.reading("w") as connection:
                pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar()
                async with db.reading("w") as other:
                    await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
                await connection.execute(text("SELECT 1"))

        with pytest.raises(DatabaseUnavailable):
            await be_cut_off()
        await db.check()


async def test_more_callers_than_connections_wait_for_their_turn(database_url: str) -> None:
    async with database.connect(database_url, pool_size=2) as db:

        async def ask(number: int) -> int:
            async with db.reading("w") as connection:
                found = await connection.execute(text("SELECT :n ::int"), {"n": number})
                return int(found.scalar_one())

        assert await asyncio.gather(*map(ask, range(50))) == list(range(50))
