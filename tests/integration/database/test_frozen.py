"""A PostgreSQL that is frozen, as in a partition: nothing is refused, and nothing answers."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from services import database
from services.cli import servers
from services.database import Database, DatabaseUnavailable
from services.web.config import PlatformSettings
from services.web.resources import open_resources

pytestmark = pytest.mark.xdist_group("frozen")  # the server is started once for this file

TIMEOUT = 1.0  # seconds for one statement
NO_SECOND_WAIT = 1.9  # seconds: the time-out, the farewell and a busy machine


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Server]:
    folder = tmp_path_factory.mktemp("frozen")
    running = servers.start(folder, names=["postgresql"], durable=False)
    yield running.by_name["postgresql"]
    running.stop()


@pytest.fixture
def freeze(server: servers.Server) -> Iterator[Callable[[], None]]:
    """Freeze the server with all of its sessions; it goes on after the test."""

    def send(number: int) -> None:
        postmaster = psutil.Process(server.pid)
        for process in (postmaster, *postmaster.children()):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    yield lambda: send(signal.SIGSTOP)
    send(signal.SIGCONT)


async def ask(db: Database, query: str = "SELECT 1") -> None:
    async with db.reading("w") as connection:
        await connection.execute(text(query))


async def refused_after(asking: Awaitable[None]) -> float:
    started = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        await asking
    return time.monotonic() - started


async def test_a_request_is_given_up_after_one_time_out_wherever_it_stands(
    server: servers.Server, freeze: Callable[[], None]
) -> None:
    async def write(db: Database) -> None:
        async with db.transaction("w") as connection:
            freeze()
            await connection.execute(text("SELECT 1"))

    async with database.connect(server.url, command_timeout=TIMEOUT) as db:
        await asyncio.gather(*(ask(db, "SELECT pg_sleep(0.1)") for _ in range(3)))
        took = [await refused_after(write(db)), await refused_after(ask(db))]
    assert all(TIMEOUT * 0.9 < each < NO_SECOND_WAIT for each in took), took


async def test_the_end_does_not_wait_for_it(
    server: servers.Server, freeze: Callable[[], None]
) -> None:
    async with database.connect(server.url) as db:
        await ask(db)
        freeze()
        started = time.monotonic()
    assert time.monotonic() - started < NO_SECOND_WAIT


async def test_a_slow_statement_is_given_up_and_ends_on_the_server_and_the_next_one_works(
    server: servers.Server,
) -> None:
    running = text(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(50)%'"
        " AND state = 'active' AND pid <> pg_backend_pid()"
    )
    async with database.connect(server.url, command_timeout=TIMEOUT) as db:
        await ask(db)
        assert await refused_after(ask(db, "SELECT pg_sleep(50)")) < NO_SECOND_WAIT
        async with asyncio.timeout(5), db.reading("w") as connection:
            while (await connection.execute(running)).scalar_one():
                await asyncio.sleep(0.05)


async def test_a_process_says_how_long_its_statements_may_take(
    server: servers.Server, tmp_path: Path
) -> None:
    settings = PlatformSettings(home=tmp_path, database_url=server.url)
    async with open_resources(settings) as resources:
        await ask(await resources.database(), "SELECT pg_sleep(0.6)")
    async with open_resources(settings, command_timeout=0.3) as resources:
        await refused_after(ask(await resources.database(), "SELECT pg_sleep(0.6)"))
