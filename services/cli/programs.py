"""The processes of the full profile: one line each."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx

GRACE: Final = 10  # seconds that requests under way get when a service is stopped
HEALTH_TIMEOUT: Final = 5.0  # seconds: /healthcheck asks the database, the broker and the cache


@dataclass(frozen=True, slots=True)
class Program:
    """A service (a module with `app`) or a worker (a module to run), with the port of its /healthcheck."""

    name: str
    module: str
    port: int

    @property
    def is_worker(self) -> bool:
        """Workers end after the services that feed them."""
        return self.module.endswith("worker")

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> list[str]:
        """How it is run."""
        if self.is_worker:
            return [sys.executable, "-m", self.module]
        options = ["--host", "127.0.0.1", "--port", str(self.port), "--no-access-log"]
        grace = ["--timeout-graceful-shutdown", str(GRACE)]
        return [sys.executable, "-m", "uvicorn", f"{self.module}:app", *options, *grace]

    @property
    def settings(self) -> Mapping[str, str]:
        """Its own environment variables: a worker is told its port here."""
        room = self.module.split(".")[-2].upper()
        return {f"AKIN_{room}_WORKER_PORT": str(self.port)} if self.is_worker else {}

    def complaint(self) -> str | None:
        """What /healthcheck has to say, or None when all is well."""
        try:
            answer = httpx.get(f"{self.address}/healthcheck", timeout=HEALTH_TIMEOUT)
        except httpx.HTTPError as error:
            return f"{self.address} does not answer ({type(error).__name__})"
        return None if answer.is_success else answer.text


PROGRAMS: Final = (
    Program("event_collector", "services.event_collector.app", 5000),
    Program("recommendations", "services.recommendations.app", 5001),
    Program("anomaly_similarity", "services.anomaly_similarity.app", 5002),
    Program("accounts", "services.accounts.app", 5004),
    Program("recommendations_worker", "services.recommendations.worker", 6001),
    Program("anomaly_similarity_worker", "services.anomaly_similarity.worker", 6002),
)
