"""Private PostgreSQL, Redis and RabbitMQ: child processes on free loopback ports, as root or not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from services.cli.processes import Process
from services.cli.servers.postgresql import PostgreSQL
from services.cli.servers.rabbitmq import RabbitMQ
from services.cli.servers.redis import Redis
from services.cli.servers.server import (
    MissingProgram,
    Server,
    ServerFailed,
    Settled,
    free_ports,
)

__all__ = [
    "NAMES",
    "MissingProgram",
    "Server",
    "ServerFailed",
    "Servers",
    "missing",
    "prepare",
    "start",
]

NAMES: Final = ("postgresql", "redis", "rabbitmq")


@dataclass(frozen=True, slots=True)
class Servers:
    """Running servers by name."""

    by_name: Mapping[str, Server]

    @property
    def database_url(self) -> str:
        """For SQLAlchemy; the role owns its database and is no superuser."""
        return self.by_name["postgresql"].url

    @property
    def cache_url(self) -> str:
        """For redis-py."""
        return self.by_name["redis"].url

    @property
    def broker_url(self) -> str:
        """For aio-pika."""
        return self.by_name["rabbitmq"].url

    @property
    def processes(self) -> list[Process]:
        """All that runs, in the order to end it."""
        return [process for server in self.by_name.values() for process in server.processes]

    def missing(self) -> list[str]:
        """The packages to install before these servers can start."""
        return [server.package for server in self.by_name.values() if server.find() is None]

    def start(self) -> None:
        """Start all of them, side by side. Raises MissingProgram or ServerFailed; then none is left."""
        if packages := self.missing():
            raise MissingProgram(*packages)
        try:
            _side_by_side(self.by_name.values(), lambda server: server.start())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all of them, side by side."""
        _side_by_side(self.by_name.values(), lambda server: server.stop())


def prepare(
    folder: Path,
    *,
    names: Collection[str] = NAMES,
    durable: bool = True,
    logs: Path | None = None,
    started: Callable[[Process], None] = lambda _: None,
) -> Servers:
    """The named servers, not started yet, with their data and passwords in `folder`.

    Their addresses hold already. Data that is there is used again. `logs` is where `<name>.log` lies
    (default: `folder`); `started` is told of every process as soon as it runs, by several threads.
    """
    folder = folder.resolve()
    for name in names:
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    sql, redis, amqp, epmd, erlang = free_ports(5)

    def settled(name: str) -> Settled:
        return Settled(folder / name, (logs or folder) / f"{name}.log", started)

    made: list[Server] = [
        PostgreSQL(settled("postgresql"), port=sql, durable=durable),
        Redis(settled("redis"), port=redis),
        RabbitMQ(settled("rabbitmq"), port=amqp, name_port=epmd, distribution_port=erlang),
    ]
    return Servers({server.name: server for server in made if server.name in names})


def start(folder: Path, *, names: Collection[str] = NAMES, durable: bool = True) -> Servers:
    """`prepare` and start."""
    servers = prepare(folder, names=names, durable=durable)
    servers.start()
    return servers


def missing() -> list[str]:
    """The packages that a machine lacks for all servers."""
    with TemporaryDirectory() as folder:
        return prepare(Path(folder)).missing()


def _side_by_side(servers: Collection[Server], do: Callable[[Server], None]) -> None:
    if not servers:
        return
    with ThreadPoolExecutor(len(servers)) as threads:
        for _ in threads.map(do, servers):
            pass
