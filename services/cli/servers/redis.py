"""A private Redis."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from services.cli.processes import Process, spawn
from services.cli.servers.server import (
    HOST,
    Server,
    environment,
    exchange,
    secret,
    write_private,
)

# Everything in Redis can be rebuilt from the database. So memory is bounded and the keys that were
# used least recently go (a miss rebuilds them; with `noeviction` every write would fail instead).
# And nothing is saved: a snapshot from before a crash would answer with a past that the database
# has left behind, where an empty Redis is rebuilt.
CONFIGURATION: Final = """\
bind {host}
port {port}
requirepass {password}
dir "{folder}"
daemonize no
save ""
appendonly no
maxmemory 512mb
maxmemory-policy allkeys-lru
"""


class Redis(Server):
    """Redis, or Valkey, on `port`."""

    name = "redis"
    package = "redis-server"  # of Debian and Ubuntu

    @property
    def url(self) -> str:
        """`redis://:password@127.0.0.1:port/0`."""
        return f"redis://:{self._password}@{HOST}:{self.port}/0"

    @property
    def _password(self) -> str:
        return secret(self.folder / "password")

    def find(self) -> Path | None:
        """Redis, or Valkey."""
        found = shutil.which("redis-server") or shutil.which("valkey-server")
        return Path(found) if found else None

    def _prepare(self) -> None:
        text = CONFIGURATION.format(
            host=HOST, port=self.port, password=self._password, folder=self.folder
        )
        write_private(self.folder / "redis.conf", text)

    def _launch(self) -> Process:
        return spawn(
            [self.program(), self.folder / "redis.conf"],
            name=self.name,
            log=self.log,
            environment=environment(),
            folder=self.folder,
        )

    def _answers(self) -> bool:
        say = f"AUTH {self._password}\r\nPING\r\n".encode()
        return exchange(self.port, say=say, expect=b"+OK\r\n+PONG\r\n")
