"""Where the benchmarks play: private PostgreSQL, Redis and RabbitMQ, and services as processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from services import database
from services.cli import servers
from services.cli.servers.server import free_ports
from services.security.keys import LocalKeys
from services.security.scopes import EVERY_SCOPE
from services.security.tokens import TokenSigner
from tests.benchmarks.load import Load, Spec

ROOT = Path(__file__).parents[2]
WORKSPACE = "default"
READY_WITHIN = 60.0  # seconds for a process to be ready
STOP_WITHIN = 30.0  # seconds for a process to end


@dataclass
class Stage:
    """Running servers, and the services that were started on them so far."""

    folder: Path
    servers: servers.Servers
    seconds: float  # of one measurement
    rounds: int  # of a comparison
    workspaces: dict[str, list[str]] = field(default_factory=dict)  # users of those that were made
    _running: dict[str, tuple[subprocess.Popen[bytes], int]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The settings of every process."""
        return {
            **os.environ,
            "AKIN_HOME": str(self.folder),
            "AKIN_DATABASE_URL": self.servers.database_url,
            "AKIN_BROKER_URL": self.servers.broker_url,
            "AKIN_CACHE_URL": self.servers.cache_url,
            "AKIN_REQUESTS_PER_SECOND": "0",
            "AKIN_LOG_LEVEL": "warning",
            "OPENBLAS_NUM_THREADS": "1",
        }

    def token(self, workspace: str = WORKSPACE) -> str:
        """Return a token for everything in the workspace."""
        signer = TokenSigner(LocalKeys(self.folder / "keys"), issuer="akin", audience="akin")
        return signer.issue(client_id="bench", workspace=workspace, scopes=EVERY_SCOPE)

    def http(self, app: str) -> int:
        """Return the port of this ASGI application; it is started at the first call."""
        if app not in self._running:
            (port,) = free_ports(1)
            flags = ("--no-access-log", "--loop", "uvloop", "--http", "httptools")
            command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), *flags]
            self._start(app, [*command, "--log-level", "warning"], port)
        return self._running[app][1]

    def worker(self, room: str = "recommendations") -> int:
        """Start the worker of this service and return the port of its metrics."""
        name = f"services.{room}.worker"
        if name not in self._running:
            (port,) = free_ports(1)
            more = {f"AKIN_{room.upper()}_WORKER_PORT": str(port)}
            self._start(name, [sys.executable, "-m", name], port, more)
        return self._running[name][1]

    def stop(self, *names: str) -> None:
        """End these processes, or all."""
        for name in names or tuple(self._running):
            if name not in self._running:
                continue
            process, _ = self._running.pop(name)
            process.terminate()
            try:
                process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()

    def memory(self, app: str) -> int:
        """Return the resident bytes of a process."""
        status = Path(f"/proc/{self._running[app][0].pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def _start(
        self, name: str, command: Sequence[str], port: int, more: Mapping[str, str] | None = None
    ) -> None:
        log = self.folder / f"{name.replace(':', '-')}.log"
        with log.open("ab") as output:
            environment = {**self.environment, **(more or {})}
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=output
            )
        self._running[name] = process, port
        deadline = time.monotonic() + READY_WITHIN
        while status(port, "/ready") != 200:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.02)


@contextmanager
def open_stage(folder: Path, *, seconds: float, rounds: int) -> Iterator[Stage]:
    """Give a stage with a migrated database; everything is ended afterwards."""
    running = servers.start(folder / "servers")
    stage = Stage(folder, running, seconds, rounds)
    try:
        asyncio.run(database.migrate(running.database_url))
        yield stage
    finally:
        stage.stop()
        running.stop()


def drive(
    port: int,
    requests: Sequence[str],
    *,
    seconds: float,
    connections: int = 32,
    once: bool = False,
) -> Load:
    """Drive the server with the load generator and return what came back; see `run`."""
    return run("tests.benchmarks.load", asdict(Spec(port, requests, connections, seconds, once)))


def run(module: str, spec: object) -> Load:
    """Run a load generator on this spec in a process of its own and return what came back.

    Raises:
        RuntimeError: an answer was not 2xx: a benchmark of errors says nothing.
    """
    command = [sys.executable, "-m", module]
    given = json.dumps(spec).encode()
    done = subprocess.run(command, input=given, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    load = Load(**json.loads(done.stdout))
    if load.errors:
        raise RuntimeError(f"Not every answer was 2xx: {load.statuses}.")
    return load


def status(port: int, path: str) -> int:
    """Return the status that a GET is answered with; 0 for no answer."""
    try:
        return int(_open(port, path)[0])
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def metric(port: int, name: str) -> float:
    """Return the sum of a metric over its labels."""
    text = _open(port, "/metrics")[1].decode()
    lines = [line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def _open(port: int, path: str) -> tuple[int, bytes]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.status, answer.read()
