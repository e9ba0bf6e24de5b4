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
from services.cli.servers.server import MissingProgram, Server, ServerFailed, free_ports

__all__ = ["NAMES", "MissingProgram", "Server", "ServerFailed", "Servers", "missing", "prepare", "start"]

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


def prepare(folder: Path, *, names: Collection[str] = NAMES, durable: bool = True) -> Servers:
    """The named servers, not started yet, with their data, logs and passwords in `folder`.

    Their addresses hold already. Data that is there is used again.
    """
    folder = folder.resolve()
    for name in names:
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    sql, redis, amqp, epmd, erlang = free_ports(5)
    made: list[Server] = [
        PostgreSQL(folder / "postgresql", port=sql, durable=durable),
        Redis(folder / "redis", port=redis),
        RabbitMQ(folder / "rabbitmq", port=amqp, name_port=epmd, distribution_port=erlang),
    ]
    return Servers({server.name: server for server in made if server.name in names})


def start(folder: Path, *, names: Collection[str] = NAMES, durable: bool = True) -> Servers:
    """`prepare` and start."""
    servers = prepare(folder, names=names, durable=durable)
    servers.start()
    return servers


def _side_by_side(servers: Collection[Server], do: Callable[[Server], None]) -> None:
    if not servers:
        return
    with ThreadPoolExecutor(len(servers)) as threads:
        for _ in threads.map(do, servers):
            pass


def missing() -> list[str]:
    """The packages that a machine lacks for all servers."""
    with TemporaryDirectory() as folder:
        return prepare(Path(folder)).missing()
