from __future__ import annotations

import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest
from pydantic import SecretStr

from services.cli import supervisor
from services.cli.processes import NotStarted, Process
from services.cli.programs import Program
from services.cli.record import RecordFile
from services.web.config import PlatformSettings
from tests.integration.cli.standin import Behaviour, write_programs

ROOT = Path(__file__).parents[3]


@pytest.fixture
def settings(
    tmp_path: Path,
    database_url: str,
    amqp_url: str,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[PlatformSettings]:
    """A home of its own, on the servers of the test run; nothing that was started in it stays."""
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    settings = PlatformSettings(
        home=tmp_path / "home",
        database_url=SecretStr(database_url),
        broker_url=SecretStr(amqp_url),
        cache_url=SecretStr(redis_url),
    )
    yield settings
    for process in processes(settings):
        process.end(timeout=10)


@pytest.fixture
def programs(tmp_path: Path) -> list[Program]:
    return write_programs(tmp_path)


def processes(settings: PlatformSettings) -> list[Process]:
    return RecordFile(settings.home).record.processes()


def test_up_returns_when_all_answer_and_down_when_all_have_ended(
    settings: PlatformSettings, programs: list[Program]
) -> None:
    supervisor.up(settings, programs=programs)
    started = processes(settings)
    assert [process.name for process in started] == ["some_service", "some_worker"]
    for program in programs:
        assert httpx.get(f"{program.address}/healthcheck").status_code == 200
    supervisor.down(settings)
    assert not any(process.alive() for process in started)
    assert processes(settings) == []


def test_services_end_before_the_workers_that_they_feed(
    settings: PlatformSettings, programs: list[Program]
) -> None:
    supervisor.up(settings, programs=[programs[1], programs[0]])
    supervisor.down(settings)
    assert (settings.home / "ended").read_text().split() == ["service", "worker"]


def test_every_process_has_a_log_and_the_record_is_for_its_owner_alone(
    settings: PlatformSettings, programs: list[Program]
) -> None:
    supervisor.up(settings, programs=programs)
    logs = {log.name for log in (settings.home / "logs").iterdir()}
    assert logs >= {"some_service.log", "some_worker.log"}
    record = settings.home / "run" / "processes.json"
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    supervisor.down(settings)


def test_a_second_up_says_that_it_is_running_and_starts_nothing(
    settings: PlatformSettings, programs: list[Program], capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor.up(settings, programs=programs)
    before = processes(settings)
    capsys.readouterr()
    supervisor.up(settings, programs=programs)
    assert "running already" in capsys.readouterr().out
    assert processes(settings) == before
    supervisor.down(settings)


@pytest.mark.parametrize("victim", [0, 1])
def test_up_after_a_kill_ends_the_rest_and_starts_all_anew(
    settings: PlatformSettings,
    programs: list[Program],
    victim: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    supervisor.up(settings, programs=programs)
    before = processes(settings)
    killed = psutil.Process(before[victim].pid)
    killed.kill()
    killed.wait()
    supervisor.up(settings, programs=programs)
    assert "ending it first" in capsys.readouterr().out
    assert not any(process.alive() for process in before)
    assert RecordFile(settings.home).record.is_running()
    supervisor.down(settings)


def test_up_after_a_killed_up_ends_what_that_had_started(
    settings: PlatformSettings, tmp_path: Path, programs: list[Program]
) -> None:
    slow = write_programs(tmp_path, Behaviour(at_start="__import__('time').sleep(600)"))
    code = (
        "from services.cli import supervisor; from services.cli.programs import Program;"
        "from services.web.config import PlatformSettings;"
        f"supervisor.up(PlatformSettings(), programs={slow!r})"
    )
    environment = {
        "AKIN_HOME": str(settings.home),
        "AKIN_DATABASE_URL": settings.database,
        "AKIN_BROKER_URL": settings.broker,
        "AKIN_CACHE_URL": settings.cache,
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
    }
    killed = subprocess.Popen([sys.executable, "-c", code], env=environment)
    deadline = time.monotonic() + 60
    while len(left := processes(settings)) < len(slow) and time.monotonic() < deadline:
        time.sleep(0.1)
    killed.kill()
    killed.wait()
    assert all(process.alive() for process in left)

    supervisor.up(settings, programs=write_programs(tmp_path))
    assert not any(process.alive() for process in left)
    supervisor.down(settings)


def test_a_service_that_ends_at_once_is_named_with_the_end_of_its_log(
    settings: PlatformSettings, tmp_path: Path
) -> None:
    failure = "return await send({'type': 'lifespan.startup.failed', 'message': 'no luck today'})"
    broken = write_programs(tmp_path, Behaviour(at_start=failure))
    with pytest.raises(NotStarted, match=r"(?s)some_service has ended.*no luck today"):
        supervisor.up(settings, programs=broken)
    assert processes(settings) == []


def test_a_service_that_is_not_healthy_in_time_is_named_with_what_it_says(
    settings: PlatformSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "START_TIMEOUT", 3.0)
    ill = write_programs(tmp_path, Behaviour(status=503, body="the broker is away"))
    with pytest.raises(NotStarted, match="some_service is not healthy: the broker is away"):
        supervisor.up(settings, programs=ill)
    assert processes(settings) == []


def test_a_schema_that_cannot_be_migrated_stops_up(
    settings: PlatformSettings, programs: list[Program]
) -> None:
    away = settings.model_copy(
        update={"database_url": SecretStr("postgresql+asyncpg://akin@127.0.0.1:1/akin")}
    )
    with pytest.raises(NotStarted, match="could not be migrated"):
        supervisor.up(away, programs=programs)
    assert processes(settings) == []


def test_a_port_that_is_taken_is_told_before_anything_is_started(
    settings: PlatformSettings, programs: list[Program]
) -> None:
    message = rf"taken.*{programs[0].port} \(some_service\)"
    taken = socket.create_server(("127.0.0.1", programs[0].port))
    with taken, pytest.raises(NotStarted, match=message):
        supervisor.up(settings, programs=programs)
    assert not (settings.home / "logs").exists()


def test_down_leaves_a_stranger_with_a_recorded_pid_alone(
    settings: PlatformSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    stranger = subprocess.Popen(["sleep", "600"])
    started = psutil.Process(stranger.pid).create_time()
    file = RecordFile(settings.home)
    recorded = Process(name="long_gone", pid=stranger.pid, started=started)
    file.add("services", replace(recorded, started=started - 3600))
    supervisor.down(settings)
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()
    assert processes(settings) == []


def test_down_says_when_nothing_runs(
    settings: PlatformSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor.down(settings)
    assert "not running" in capsys.readouterr().out


def test_a_process_that_does_not_end_is_killed_and_named(
    settings: PlatformSettings,
    programs: list[Program],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(supervisor, "STOP_TIMEOUT", 1.0)
    stubborn = Path(programs[1].module.split(".")[0]) / "worker.py"
    code = (settings.home.parent / stubborn).read_text()
    (settings.home.parent / stubborn).write_text(code.replace("sys.exit()", "pass"))
    supervisor.up(settings, programs=programs)
    started = processes(settings)
    supervisor.down(settings)
    assert "some_worker (killed" in capsys.readouterr().out.replace("\n", " ")
    assert not any(process.alive() for process in started)


def test_one_up_or_down_at_a_time(settings: PlatformSettings, programs: list[Program]) -> None:
    with supervisor._alone(settings.home), pytest.raises(NotStarted, match="Another"):
        supervisor.down(settings)


def test_commands_find_the_settings_of_what_runs_even_when_a_part_has_died(
    settings: PlatformSettings, programs: list[Program]
) -> None:
    assert supervisor.running_settings(settings.home) == {}
    supervisor.up(settings, programs=programs)
    found = supervisor.running_settings(settings.home)
    assert found["AKIN_DATABASE_URL"] == settings.database
    assert found["AKIN_BROKER_URL"] == settings.broker
    killed = psutil.Process(processes(settings)[0].pid)
    killed.kill()
    killed.wait()
    assert supervisor.running_settings(settings.home) == found
    supervisor.down(settings)
    assert supervisor.running_settings(settings.home) == {}
