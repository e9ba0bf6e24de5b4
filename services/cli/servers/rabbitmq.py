"""A private RabbitMQ node, with an epmd (Erlang's name server) of its own."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.cli.processes import Process, spawn
from services.cli.servers.server import (
    HOST,
    Server,
    Settled,
    environment,
    exchange,
    secret,
    write_private,
)

USER: Final = "akin"
GREETING: Final = b"AMQP\x00\x00\x09\x01"  # AMQP 0-9-1 §4.2.2: the protocol header
METHOD_FRAME: Final = b"\x01\x00\x00"  # the server's answer begins so: Connection.Start, channel 0
# The package's own script: the one in PATH switches to the user `rabbitmq` and its fixed folders.
PACKAGED: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
EPMD: Final = "epmd"  # outlives the node, so it is ours to start and to end
# The quorum queues' log is kept in memory up to this size: 64 MB in place of 512 suits one machine.
CONFIGURATION: Final = """\
listeners.tcp.1 = {host}:{port}
default_user = {user}
default_pass = {password}
raft.wal_max_size_bytes = 67108864
log.console = true
log.console.level = warning
log.file = false
"""
# Schedulers sleep when idle in place of spinning: the services need the cores.
ERLANG: Final = (
    "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"
)


class RabbitMQ(Server):
    """RabbitMQ on `port`; the two other ports are Erlang's (its name server and its distribution)."""

    name = "rabbitmq"
    package = "rabbitmq-server"  # of Debian and Ubuntu

    def __init__(
        self, settled: Settled, *, port: int, name_port: int, distribution_port: int
    ) -> None:
        super().__init__(settled, port=port)
        self._name_port = name_port
        self._distribution_port = distribution_port
        self._names: Process | None = None

    @property
    def url(self) -> str:
        """`amqp://akin:password@127.0.0.1:port/`."""
        return f"amqp://{USER}:{self._password}@{HOST}:{self.port}/"

    @property
    def processes(self) -> list[Process]:
        """The node, then its epmd, which would outlive it."""
        return [*super().processes, *([self._names] if self._names else [])]

    @property
    def _password(self) -> str:
        return secret(self.folder / "password")

    def find(self) -> Path | None:
        """The script that becomes the node; useless without Erlang, which it comes with."""
        found = PACKAGED if PACKAGED.exists() else shutil.which("rabbitmq-server")
        return Path(found) if found and shutil.which(EPMD) else None

    def _prepare(self) -> None:
        text = CONFIGURATION.format(host=HOST, port=self.port, user=USER, password=self._password)
        write_private(self.folder / "rabbitmq.conf", text)
        (self.folder / "enabled_plugins").write_text("[].\n")

    def _launch(self) -> Process:
        if self._names is None or not self._names.alive():
            self._names = self._spawn([EPMD, "-port", str(self._name_port)], name=EPMD)
            self._started(self._names)
        return self._spawn([self.program()], name=self.name)

    def _spawn(self, command: Sequence[str | Path], *, name: str) -> Process:
        return spawn(
            command, name=name, log=self.log, environment=self._environment(), folder=self.folder
        )

    def _environment(self) -> dict[str, str]:
        folder = self.folder
        return environment(
            HOME=str(folder),  # Erlang's cookie
            ERL_EPMD_PORT=str(self._name_port),
            ERL_EPMD_ADDRESS=HOST,
            RABBITMQ_NODENAME="akin@localhost",
            RABBITMQ_DIST_PORT=str(self._distribution_port),
            RABBITMQ_MNESIA_BASE=str(folder / "data"),
            RABBITMQ_LOG_BASE=str(folder),
            RABBITMQ_CONFIG_FILE=str(folder / "rabbitmq.conf"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "enabled_plugins"),
            RABBITMQ_CONF_ENV_FILE=str(folder / "absent"),  # not the machine's /etc/rabbitmq
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=ERLANG,
            RUNNING_UNDER_SYSTEMD="true",  # the script becomes the node: one process, one pid
        )

    def _answers(self) -> bool:
        return exchange(self.port, say=GREETING, expect=METHOD_FRAME)
