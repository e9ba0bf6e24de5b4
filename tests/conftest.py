"""Real servers, started once per run (not in xdist's workers) unless only unit tests are asked for.

Addresses that are set already (AKIN_TEST_DATABASE_URL, AKIN_TEST_AMQP_URL, AKIN_TEST_REDIS_URL) are used.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
import pytest
from hypothesis import settings

from services import database
from services.cli import servers

ROOT: Final = Path(__file__).parent.parent
UNIT: Final = ROOT / "tests" / "unit"
VARIABLES: Final = {
    "postgresql": "AKIN_TEST_DATABASE_URL",
    "rabbitmq": "AKIN_TEST_AMQP_URL",
    "redis": "AKIN_TEST_REDIS_URL",
}
FOLDER: Final = pytest.StashKey[Path]()
RUNNING: Final = pytest.StashKey[servers.Servers]()
# How long an example takes depends on what else the machine does.
settings.register_profile("akin", deadline=None)
settings.load_profile("akin")
STARTED: Final = pytest.StashKey[Future[None]]()


def pytest_configure(config: pytest.Config) -> None:
    if not _needs_servers(config):
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: unconfigure follows
    folder = config.stash[FOLDER] = Path(tempfile.mkdtemp(prefix="akin-tests-"))
    config.option.basetemp = config.option.basetemp or folder / "tmp"
    missing = [name for name, variable in VARIABLES.items() if variable not in os.environ]
    running = config.stash[RUNNING] = servers.prepare(folder, names=missing, durable=False)
    os.environ.update({VARIABLES[name]: server.url for name, server in running.by_name.items()})
    thread = ThreadPoolExecutor(1)
    config.stash[STARTED] = thread.submit(running.start)  # while the tests are collected
    thread.shutdown(wait=False)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    if STARTED not in session.config.stash:
        return
    try:
        session.config.stash[STARTED].result()
    except (servers.MissingProgram, servers.ServerFailed) as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.INTERNAL_ERROR)
    asyncio.run(database.migrate(os.environ["AKIN_TEST_DATABASE_URL"]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests have to say when they pass: `record_property("shown", line)`."""
    reports = [r for name in ("passed", "failed") for r in terminalreporter.getreports(name)]
    lines = [line for r in reports for name, line in r.user_properties if name == "shown"]
    for line in dict.fromkeys(lines):
        terminalreporter.write_line(str(line))


def pytest_unconfigure(config: pytest.Config) -> None:
    if STARTED not in config.stash:
        return
    config.stash[STARTED].exception()  # waits: a start that was interrupted goes on in its thread
    config.stash[RUNNING].stop()
    _kill_what_works_in(Path(config.option.basetemp))
    shutil.rmtree(config.stash[FOLDER], ignore_errors=True)


def _needs_servers(config: pytest.Config) -> bool:
    if hasattr(config, "workerinput") or config.option.collectonly or config.option.help:
        return False
    asked = [Path(config.invocation_params.dir, arg.split("::")[0]) for arg in config.args]
    return not all(path.resolve().is_relative_to(UNIT) for path in asked)


def _kill_what_works_in(folder: Path) -> None:
    """Interrupted, xdist's workers end without teardown: servers that a test started would stay."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(folder.resolve()):
                process.kill()


@pytest.fixture(scope="session")
def database_url() -> str:
    """A migrated PostgreSQL database that all tests share: work in a `workspace` of your own."""
    return _address("AKIN_TEST_DATABASE_URL")


@pytest.fixture(scope="session")
def amqp_url() -> str:
    """A RabbitMQ that all tests share."""
    return _address("AKIN_TEST_AMQP_URL")


@pytest.fixture(scope="session")
def redis_url() -> str:
    """A Redis that all tests share."""
    return _address("AKIN_TEST_REDIS_URL")


@pytest.fixture
def workspace() -> str:
    """A name that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def data_folder() -> Callable[[str], Path]:
    """`data_folder("ml-latest-small")`: that set of real data; the test is skipped where it is missing."""
    default = ROOT.parent / "shared" / "data"
    base = Path(os.environ.get("AKIN_TEST_DATA", default))

    def find(name: str) -> Path:
        if not (base / name).is_dir():
            pytest.skip(
                f"{name} is not in {base}: set AKIN_TEST_DATA to the folder of the data sets"
            )
        return base / name

    return find


def _address(variable: str) -> str:
    if variable not in os.environ:
        pytest.fail(f"{variable} is not set: unit tests have no servers")
    return os.environ[variable]
