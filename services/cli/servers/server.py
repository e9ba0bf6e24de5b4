"""What PostgreSQL, Redis and RabbitMQ have in common as private processes of this machine."""

from __future__ import annotations

import os
import random
import secrets
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.cli.processes import NotStarted, Process, last_lines

HOST: Final = "127.0.0.1"
# Below the range that Linux gives to outgoing connections (from 32768): no client that keeps
# reconnecting can be given, or connect to itself on, the port of a server that is down.
PORTS: Final = range(20_000, 32_000)
START_TIMEOUT: Final = 120.0  # seconds: RabbitMQ takes 5 alone, ten times that on a busy machine
START_AGAIN: Final = (
    10.0  # seconds: what a killed server left (port, shared memory) is gone by then
)
STOP_TIMEOUT: Final = 30.0  # seconds: PostgreSQL's last checkpoint, RabbitMQ's quorum logs
LOOK_EVERY: Final = 0.05  # seconds between two looks whether it answers


class ServerFailed(NotStarted):
    """A server did not start; the message ends with the last lines of its log."""


class MissingProgram(NotStarted):
    """Programs are not installed; the message is one line and says what to install."""

    def __init__(self, *packages: str) -> None:
        super().__init__(f"Servers are missing. Install them: apt-get install {' '.join(packages)}")


@dataclass(frozen=True, slots=True)
class Settled:
    """What the caller settles for a server: its folder, its log, and who is told of each process."""

    folder: Path
    log: Path
    started: Callable[[Process], None]


class Server(ABC):
    """One server: `start`, `stop`, and for fault tests `kill` and `restart` (same port, same data)."""

    name: str

    def __init__(self, settled: Settled, *, port: int) -> None:
        self.folder = settled.folder
        self.log = settled.log
        self.port = port
        self._started = settled.started
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """The process that serves; RuntimeError before `start`."""
        if self._process is None:
            message = f"{self.name} was not started"
            raise RuntimeError(message)
        return self._process.pid

    @property
    def processes(self) -> list[Process]:
        """All that has to be ended, in this order."""
        return [self._process] if self._process else []

    @property
    @abstractmethod
    def package(self) -> str:
        """The package of Debian and Ubuntu that has it."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The address for clients, with its password."""

    def start(self) -> None:
        """Start and return when it answers; starts again while something of a killed one is in the way.

        Raises MissingProgram or ServerFailed.
        """
        self.program()
        self._prepare()
        begun = time.monotonic()
        while not self._answers_after_launch(begun + START_TIMEOUT):
            if time.monotonic() - begun > START_AGAIN:
                raise ServerFailed(f"{self.name} did not start.\n{last_lines(self.log)}")
            time.sleep(LOOK_EVERY)

    def stop(self) -> None:
        """End it and all that belongs to it; harmless when it has gone already."""
        for process in self.processes:
            process.end(timeout=STOP_TIMEOUT)

    def kill(self, number: int) -> None:
        """Send a signal (SIGSTOP, SIGCONT, SIGKILL …) to the process that serves."""
        if self._process:
            self._process.send(number)

    def restart(self) -> None:
        """Stop it, if it still runs, and start it on the same port with the same data."""
        if self._process:
            self._process.end(timeout=STOP_TIMEOUT)
        self.start()

    def program(self) -> Path:
        """What is run; MissingProgram when it is not installed."""
        found = self.find()
        if found is None:
            raise MissingProgram(self.package)
        return found

    @abstractmethod
    def find(self) -> Path | None:
        """What is run, or None when it is not installed."""

    def _answers_after_launch(self, deadline: float) -> bool:
        self._process = self._launch()
        self._started(self._process)
        while self._process.alive():
            if self._answers():
                return True
            if time.monotonic() > deadline:
                raise ServerFailed(f"{self.name} does not answer.\n{last_lines(self.log)}")
            time.sleep(LOOK_EVERY)
        return False

    @abstractmethod
    def _prepare(self) -> None:
        """Make folder and configuration where they are missing."""

    @abstractmethod
    def _launch(self) -> Process: ...

    @abstractmethod
    def _answers(self) -> bool: ...


def environment(**more: str) -> dict[str, str]:
    """What a server may know of ours: its own settings (PG…, RABBITMQ_…) in our shell would lead it astray."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", **more}


def secret(file: Path) -> str:
    """The password in this file, made at the first call and readable by its owner alone."""
    if not file.exists():
        write_private(file, secrets.token_hex(16))
    return file.read_text()


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(text)
    new.replace(file)


def exchange(port: int, *, say: bytes, expect: bytes) -> bool:
    """Whether the server on this port answers these bytes with those."""
    try:
        with socket.create_connection((HOST, port), timeout=1.0) as connection:
            connection.sendall(say)
            return connection.recv(len(expect)) == expect
    except OSError:
        return False


def free_ports(count: int) -> list[int]:
    """Different ports of the loopback address that nobody listens on now."""
    found: set[int] = set()
    while len(found) < count:
        port = random.choice(PORTS)  # noqa: S311 - not a secret
        if is_free(port):
            found.add(port)
    return list(found)


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of the loopback address."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((HOST, port))
        except OSError:
            return False
        return True
