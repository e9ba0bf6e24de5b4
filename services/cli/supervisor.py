"""`akin up` and `akin down`: the full profile as processes of this machine."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from services.cli import servers
from services.cli.console import output
from services.cli.processes import NotStarted, Process, last_lines, spawn
from services.cli.programs import PROGRAMS, Program
from services.cli.record import STAGES, RecordFile
from services.cli.servers.server import HOST, is_free
from services.database import migrate
from services.web.config import PlatformSettings

START_TIMEOUT: Final = (
    120.0  # seconds: four processes took 6 alone, ten times that on a busy machine
)
STOP_TIMEOUT: Final = 30.0  # seconds: last requests, a worker's batch, a server's last sync
LOOK_EVERY: Final = 0.2  # seconds between two looks at who is healthy


def up(settings: PlatformSettings, *, programs: Sequence[Program] = PROGRAMS) -> None:
    """Start servers, migrate, start services and workers, and return when all are healthy.

    Raises NotStarted; then nothing is left running. What an earlier `up` left half dead is ended first.
    """
    home = settings.home.resolve()
    with _alone(home):
        file = RecordFile(home)
        if _all_well(programs) and file.record.is_running():
            output.print(f"Akin is running already. `akin down` stops it. Logs: {home / 'logs'}")
            return
        if any(process.alive() for process in file.record.processes()):
            output.print("Not all of an earlier `akin up` is well: ending it first.")
            _end_all(file)
        _require_free(programs)
        try:
            _start(settings, file, programs)
        except BaseException:
            _end_all(file)
            raise
        output.print(
            f"Akin is running; routes are at /docs of each service, logs in {home / 'logs'}. "
            "`akin clients create NAME` makes a client, `akin down` stops it all.",
            highlight=False,
        )


def down(settings: PlatformSettings) -> None:
    """End what `up` started, services first, servers last; data stays."""
    home = settings.home.resolve()
    with _alone(home):
        file = RecordFile(home)
        if not file.record.processes():
            output.print("Akin is not running here.")
            return
        _end_all(file)
        output.print(f"Stopped. Your data stays in {home}.")


def running_settings(home: Path) -> Mapping[str, str]:
    """The settings of the full profile that runs in this home, so that commands work on it; else none.

    Also when some of it has died: it is then that commands are needed.
    """
    record = RecordFile(home.resolve()).record
    started = record.complete and any(process.alive() for process in record.processes())
    return record.settings if started else {}


def _start(settings: PlatformSettings, file: RecordFile, programs: Sequence[Program]) -> None:
    home = settings.home.resolve()
    logs = home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    needed = _needed_servers(settings)
    prepared = servers.prepare(
        home / "servers", names=needed, logs=logs, started=partial(file.add, "servers")
    )
    shared = _shared_settings(settings, prepared, programs)
    file.begin(shared)
    if needed:
        output.print(f"Starting {', '.join(needed)} …")
        prepared.start()
    environment = {**os.environ, **shared}
    output.print("Bringing the schema up to date …")
    _migrate(shared["AKIN_DATABASE_URL"])
    started = {program: _launch(program, home, file, environment) for program in programs}
    _wait_until_healthy(started, logs)
    file.finish()


def _needed_servers(settings: PlatformSettings) -> list[str]:
    """Those whose address is not set; a cache in memory could not be shared by processes."""
    given = {
        "postgresql": settings.database_url is not None,
        "redis": settings.cache != "memory://",
        "rabbitmq": settings.broker_url is not None,
    }
    return [name for name in servers.NAMES if not given[name]]


def _shared_settings(
    settings: PlatformSettings, prepared: servers.Servers, programs: Sequence[Program]
) -> dict[str, str]:
    addresses = {name: server.url for name, server in prepared.by_name.items()}
    home = settings.home.resolve()
    accounts = next(program for program in [*programs, *PROGRAMS] if program.name == "accounts")
    return {
        "AKIN_HOME": str(home),
        "AKIN_DATABASE_URL": addresses.get("postgresql", settings.database),
        "AKIN_BROKER_URL": addresses.get("rabbitmq", settings.broker),
        "AKIN_CACHE_URL": addresses.get("redis", settings.cache),
        # Not where `akin run` keeps its models: they number the items of another database.
        "AKIN_MODEL_STORE_URL": settings.model_store_url or f"file://{home / 'servers' / 'models'}",
        # As on several machines: only accounts reads the private keys.
        "AKIN_JWKS_URL": settings.jwks_url or f"{accounts.address}/.well-known/jwks.json",
        "AKIN_RECOMMENDATIONS_ALLOW_CLEANUP": os.environ.get(
            "AKIN_RECOMMENDATIONS_ALLOW_CLEANUP", "true"
        ),
    }


def _migrate(url: str) -> None:
    try:
        asyncio.run(migrate(url))
    except (ConnectionError, SQLAlchemyError) as error:
        raise NotStarted(f"The database's schema could not be migrated: {error}") from error


def _launch(
    program: Program, home: Path, file: RecordFile, environment: Mapping[str, str]
) -> Process:
    process = spawn(
        program.command,
        name=program.name,
        log=home / "logs" / f"{program.name}.log",
        environment={**environment, **program.settings},
        folder=home,
    )
    file.add("workers" if program.is_worker else "services", process)
    return process


def _wait_until_healthy(started: Mapping[Program, Process], logs: Path) -> None:
    waiting, begun = dict(started), time.monotonic()
    while waiting:
        for program, process in list(waiting.items()):
            complaint = program.complaint()
            if complaint is None and process.alive():
                del waiting[program]
                output.print(f"  {program.name:<24} {program.address}", highlight=False)
            elif not process.alive():
                raise _failed(program, "has ended", logs)
            elif time.monotonic() - begun > START_TIMEOUT:
                raise _failed(program, f"is not healthy: {complaint}", logs)
        time.sleep(LOOK_EVERY if waiting else 0)


def _all_well(programs: Sequence[Program]) -> bool:
    """Ask them: a process that was killed a moment ago still counts as one, but answers nothing."""
    with ThreadPoolExecutor(max(1, len(programs))) as threads:
        return not any(threads.map(Program.complaint, programs))


def _failed(program: Program, what: str, logs: Path) -> NotStarted:
    log = logs / f"{program.name}.log"
    return NotStarted(f"{program.name} {what}\nThe end of {log}:\n{last_lines(log)}")


def _require_free(programs: Sequence[Program]) -> None:
    taken = [
        f"{program.port} ({program.name})" for program in programs if not is_free(program.port)
    ]
    if taken:
        message = f"Ports of {HOST} are taken by something else: {', '.join(taken)}."
        raise NotStarted(message)


def _end_all(file: RecordFile) -> None:
    for stage in STAGES:
        processes = file.record.of(stage)
        if not processes:
            continue
        with ThreadPoolExecutor(len(processes)) as threads:
            ended = threads.map(lambda process: process.end(timeout=STOP_TIMEOUT), processes)
        names = [
            process.name
            if politely
            else f"{process.name} (killed: it did not end in {STOP_TIMEOUT:.0f} s)"
            for process, politely in zip(processes, ended, strict=True)
        ]
        output.print(f"Ended {stage}: {', '.join(names)}")
    file.clear()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One `up` or `down` at a time."""
    folder = home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise NotStarted("Another `akin up` or `akin down` is at work here.") from error
        yield
