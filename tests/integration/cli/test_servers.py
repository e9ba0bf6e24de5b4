from __future__ import annotations

import asyncio
import os
import signal
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aio_pika
import asyncpg
import psutil
import pytest
from aiormq.abc import FieldTable
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError

from services.cli import servers

pytestmark = pytest.mark.xdist_group("servers")  # they are started once for this file

QUORUM: Final[FieldTable] = {"x-queue-type": "quorum"}
# Seconds: RabbitMQ 3.10 writes the register of its quorum queues a moment after it has confirmed the
# declaration. Killed before that, it finds the queue again but never a leader for it.
REGISTER_WRITTEN = 2.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Servers]:
    started = servers.start(tmp_path_factory.mktemp("servers"), durable=False)
    yield started
    started.stop()
    assert not any(process.alive() for process in started.processes)


@asynccontextmanager
async def sql(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        yield connection
    finally:
        await connection.close()


async def test_the_database_belongs_to_a_role_that_is_no_superuser(
    running: servers.Servers,
) -> None:
    async with sql(running.database_url) as connection:
        role = await connection.fetchrow(
            "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user"
        )
        owner = await connection.fetchval(
            "select pg_get_userbyid(datdba) from pg_database where datname = current_database()"
        )
    assert role is not None
    assert not any(role.values())
    assert owner == "akin"


async def test_nobody_gets_into_a_server_without_its_password(running: servers.Servers) -> None:
    database, cache, broker = (server.port for server in running.by_name.values())
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://akin:wrong@127.0.0.1:{database}/akin")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://postgres:postgres@127.0.0.1:{database}/akin")
    async with Redis.from_url(f"redis://127.0.0.1:{cache}") as redis:
        with pytest.raises(AuthenticationError):
            await redis.ping()
    with pytest.raises(aio_pika.exceptions.ProbableAuthenticationError):
        await aio_pika.connect(f"amqp://guest:guest@127.0.0.1:{broker}/")


def test_passwords_can_be_read_by_their_owner_alone(running: servers.Servers) -> None:
    for server in running.by_name.values():
        secrets = [server.folder / "password", *server.folder.glob("*.conf")]
        for file in secrets:
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_servers_listen_on_the_loopback_address_only(running: servers.Servers) -> None:
    for process in running.processes:
        listening = [
            connection.laddr.ip
            for connection in psutil.Process(process.pid).net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert listening, process
        assert set(listening) <= {"127.0.0.1", "::1"}, process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_rows_outlive_a_stopped_and_a_killed_database(
    running: servers.Servers, number: signal.Signals
) -> None:
    table = f"kept_{number.name.lower()}"
    database = running.by_name["postgresql"]
    async with sql(database.url) as connection:
        await connection.execute(f"create table {table} (n int)")
        await connection.execute(f"insert into {table} values (1)")
        before = database.pid
        database.kill(number)
    database.restart()
    async with sql(database.url) as connection:
        assert await connection.fetchval(f"select n from {table}") == 1
    assert database.pid != before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_confirmed_messages_outlive_a_stopped_and_a_killed_broker(
    running: servers.Servers, number: signal.Signals
) -> None:
    broker = running.by_name["rabbitmq"]
    name = f"kept-{number.name}"
    connection = await aio_pika.connect(broker.url)
    channel = await connection.channel()
    await channel.declare_queue(name, durable=True, arguments=QUORUM)
    message = aio_pika.Message(b"x", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
    await channel.default_exchange.publish(message, routing_key=name)
    await asyncio.sleep(REGISTER_WRITTEN)
    broker.kill(number)
    broker.restart()
    async with await aio_pika.connect(broker.url) as again:
        channel = await again.channel()
        queue = await channel.declare_queue(name, durable=True, arguments=QUORUM)
        received = await queue.get(timeout=10)
        assert received.body == b"x"
        await received.ack()


async def test_a_restarted_redis_is_empty(running: servers.Servers) -> None:
    cache = running.by_name["redis"]
    async with Redis.from_url(cache.url) as redis:
        await redis.set("a", "1")
        policy = await redis.config_get("maxmemory*")
    assert policy["maxmemory-policy"] == "allkeys-lru"
    assert policy["maxmemory"] not in (None, "0")
    cache.kill(signal.SIGKILL)
    cache.restart()
    async with Redis.from_url(cache.url) as redis:
        assert await redis.get("a") is None


def test_a_frozen_server_stops_all_the_same(tmp_path: Path) -> None:
    started = servers.start(tmp_path, names=["redis", "postgresql"], durable=False)
    pids = [process.pid for process in started.processes]
    for server in started.by_name.values():
        server.kill(signal.SIGSTOP)
    started.stop()
    assert not any(psutil.pid_exists(pid) for pid in pids)


async def test_a_second_start_in_the_same_folder_finds_the_data(tmp_path: Path) -> None:
    first = servers.start(tmp_path, names=["postgresql"], durable=True)
    async with sql(first.database_url) as connection:
        await connection.execute("create table kept (n int)")
        assert await connection.fetchval("show fsync") == "on"
    first.stop()
    second = servers.start(tmp_path, names=["postgresql"])
    try:
        async with sql(second.database_url) as connection:
            assert await connection.fetchval("select count(*) from kept") == 0
    finally:
        second.stop()


def test_a_first_start_that_was_interrupted_is_made_good(tmp_path: Path) -> None:
    half = tmp_path / "postgresql" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("15\n")
    started = servers.start(tmp_path, names=["postgresql"], durable=False)
    assert started.by_name["postgresql"].pid
    started.stop()


def test_a_lock_that_names_another_program_is_no_obstacle(tmp_path: Path) -> None:
    started = servers.start(tmp_path, names=["postgresql"], durable=False)
    lock = tmp_path / "postgresql" / "data" / "postmaster.pid"
    left = lock.read_text().splitlines()
    started.stop()
    lock.write_text("\n".join([str(os.getpid()), *left[1:]]) + "\n")
    started.by_name["postgresql"].start()
    started.stop()
    assert not any(process.alive() for process in started.processes)


def test_all_missing_programs_are_told_in_one_line_and_nothing_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("services.cli.servers.postgresql.PACKAGED", tmp_path)
    prepared = servers.prepare(tmp_path / "data", durable=False)
    with pytest.raises(servers.MissingProgram) as told:
        prepared.start()
    assert str(told.value).endswith("apt-get install postgresql redis-server rabbitmq-server")
    assert "\n" not in str(told.value)
    assert prepared.processes == []


def test_data_of_another_version_asks_for_that_version(tmp_path: Path) -> None:
    data = tmp_path / "postgresql" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")
    with pytest.raises(servers.MissingProgram, match=r"apt-get install postgresql-9$"):
        servers.start(tmp_path, names=["postgresql"])


def test_a_server_that_cannot_start_shows_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.cli.servers.redis.CONFIGURATION", "no-such-setting 1\n")
    monkeypatch.setattr("services.cli.servers.server.START_AGAIN", 0.2)
    with pytest.raises(servers.ServerFailed, match="no-such-setting"):
        servers.start(tmp_path, names=["redis"])
