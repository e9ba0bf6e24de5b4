"""The processes of the platform, each started, killed and ended on its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import httpx

from services.cli.processes import Process, last_lines, spawn
from services.cli.servers.server import free_ports

READY_WITHIN = 90.0  # seconds: imports take ten of them on a machine that has much else to do
STOP_WITHIN = 30.0  # seconds to end politely


class Part:
    """One process of the platform with its port, its settings and its log."""

    def __init__(
        self, name: str, command: Sequence[str], *, folder: Path, settings: Mapping[str, str]
    ) -> None:
        (self.port,) = free_ports(1)
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [sys.executable, *command]
        self._folder = folder
        self._settings = settings
        self._process: Process | None = None

    @property
    def address(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Start it and do not wait for it."""
        port = {"AKIN_RECOMMENDATIONS_WORKER_PORT": str(self.port), "UVICORN_PORT": str(self.port)}
        self._process = spawn(
            self._command,
            name=self.name,
            log=self.log,
            environment={**_inherited(), **self._settings, **port},
            folder=self._folder,
        )

    async def start(self) -> None:
        """Start it and return when it is alive and reaches what it depends on."""
        self.launch()
        try:
            async with asyncio.timeout(READY_WITHIN), httpx.AsyncClient() as http:
                while not await self._healthy(http):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{self.name} is not ready:\n{last_lines(self.log)}") from None

    async def _healthy(self, http: httpx.AsyncClient) -> bool:
        assert self._process is not None
        assert self._process.alive(), f"{self.name} has ended:\n{last_lines(self.log)}"
        try:
            return (await http.get(f"{self.address}/healthcheck")).status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """Kill it without a warning; its port and its children are gone afterwards."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.end(timeout=STOP_WITHIN)
        self._process = None

    async def stop(self) -> None:
        """Ask it to end; fail when asking is not enough."""
        assert self._process is not None
        ended = await asyncio.to_thread(self._process.end, timeout=STOP_WITHIN)
        assert ended, f"{self.name} did not end when asked to:\n{last_lines(self.log)}"
        self._process = None


def _inherited() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AKIN_")}
