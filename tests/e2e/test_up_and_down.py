from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from services.cli import supervisor
from services.cli.programs import PROGRAMS, Program
from services.cli.record import RecordFile
from services.cli.servers.server import free_ports
from services.web.config import PlatformSettings

ADA = {
    "username": "ada",
    "name": "Ada",
    "email": "ada@example.com",
    "password": "analytical-engine",
}


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[PlatformSettings]:
    settings = PlatformSettings(home=tmp_path)
    yield settings
    supervisor.down(settings)


@pytest.fixture
def programs() -> list[Program]:
    """The real ones, on ports that are free."""
    ports = free_ports(len(PROGRAMS))
    return [replace(program, port=port) for program, port in zip(PROGRAMS, ports, strict=True)]


def address(programs: list[Program], name: str) -> str:
    return next(program.address for program in programs if program.name == name)


def test_all_data_outlives_the_sudden_death_of_every_process(
    settings: PlatformSettings, programs: list[Program]
) -> None:
    supervisor.up(settings, programs=programs)
    accounts = address(programs, "accounts")
    assert httpx.post(f"{accounts}/create-client", json=ADA).status_code == 200
    before = RecordFile(settings.home).record
    assert {p.name for p in before.servers} == {"postgresql", "redis", "rabbitmq", "epmd"}
    for process in before.processes():
        process.send(signal.SIGKILL)

    supervisor.up(settings, programs=programs)
    again = httpx.post(f"{accounts}/create-client", json=ADA)
    assert again.status_code == 400
    assert "already exists" in again.text
    for program in programs:
        assert httpx.get(f"{program.address}/healthcheck").status_code == 200

    started = RecordFile(settings.home).record.processes()
    supervisor.down(settings)
    assert not any(process.alive() for process in [*before.processes(), *started])
