"""A private PostgreSQL whose only way in is the role `akin`, which owns the database `akin`."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psutil

from services.cli.processes import Process, spawn
from services.cli.servers.server import (
    HOST,
    Server,
    ServerFailed,
    Settled,
    environment,
    secret,
)

ROLE: Final = "akin"
OWNER: Final = "postgres"  # whom the programs run as when we are root, which they refuse to be
PACKAGED: Final = Path("/usr/lib/postgresql")
CONNECTIONS: Final = 200  # a pool of 10 for each of 10 processes, and tests beside them
READY: Final = "ready"  # line 8 of postmaster.pid, which pg_ctl reads too
# The superuser has no password and no way in over the network or a socket: whoever needs it stops
# the server and uses `postgres --single`, as here.
INITDB: Final = (
    "--username=postgres",
    "--auth-local=reject",
    "--auth-host=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
)
# The password is ours, 32 hexadecimal digits; this mode takes no parameters.
FIRST_COMMANDS: Final = """\
create role akin login nosuperuser nocreatedb nocreaterole password '{password}'
create database akin owner akin
"""


class PostgreSQL(Server):
    """PostgreSQL on `port`. Without `durable` a power cut may lose data (a killed process does not): for tests."""

    name = "postgresql"

    def __init__(self, settled: Settled, *, port: int, durable: bool) -> None:
        super().__init__(settled, port=port)
        self._durable = durable
        self._data = self.folder / "data"

    @property
    def package(self) -> str:
        """Data of one major version can be used by that version alone."""
        return "-".join(filter(None, [self.name, self._made_by()]))

    @property
    def url(self) -> str:
        """`postgresql+asyncpg://akin:password@127.0.0.1:port/akin`."""
        return f"postgresql+asyncpg://{ROLE}:{self._password}@{HOST}:{self.port}/{ROLE}"

    @property
    def _password(self) -> str:
        return secret(self.folder / "password")

    def find(self) -> Path | None:
        """`postgres` of the version that made the data, or the newest."""
        wanted = self._made_by()
        folders = sorted(PACKAGED.glob("[0-9]*/bin"), key=lambda folder: float(folder.parent.name))
        if on_path := shutil.which("initdb"):
            folders.insert(0, Path(on_path).parent)
        for found in (folder / "postgres" for folder in reversed(folders)):
            if found.exists() and wanted in (None, _version(found)):
                return found
        return None

    def _made_by(self) -> str | None:
        file = self._data / "PG_VERSION"
        return file.read_text().strip() if file.exists() else None

    def _prepare(self) -> None:
        self._forget_stale_lock()
        if self._data.exists():
            return
        new = self.folder / "data.new"  # renamed when complete: an interrupted start begins again
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        if user := _user():
            shutil.chown(new, user, pwd.getpwnam(user).pw_gid)
        sync = [] if self._durable else ["--no-sync"]
        self._run("initdb", *INITDB, *sync, folder=new)
        commands = FIRST_COMMANDS.format(password=self._password)
        self._run("postgres", "--single", "postgres", folder=new, commands=commands)
        new.rename(self._data)

    def _run(self, program: str, *options: str, folder: Path, commands: str = "") -> None:
        user = _user()
        with _opened(folder) as number:
            done = subprocess.run(
                [self.program().with_name(program), *options],
                input=commands,
                capture_output=True,
                text=True,
                cwd="/",
                env=environment(PGDATA=_inherited(number)),
                pass_fds=[number],
                user=user,
                group=pwd.getpwnam(user).pw_gid if user else None,
                extra_groups=[] if user else None,
                check=False,
            )
        with self.log.open("a") as log:
            log.write(done.stdout + done.stderr)
        # Single-user mode ends well even when a command failed, but says so.
        if done.returncode != 0 or "ERROR:" in done.stderr or "FATAL:" in done.stderr:
            raise ServerFailed(f"{program} failed:\n{done.stderr}")

    def _launch(self) -> Process:
        with _opened(self._data) as number:
            return spawn(
                [self.program(), *self._options()],
                name=self.name,
                log=self.log,
                environment=environment(PGDATA=_inherited(number)),
                folder=Path("/"),
                pass_fds=[number],
                user=_user(),
                ends_by=signal.SIGINT,  # "fast": ends the sessions; SIGTERM would wait for them
            )

    def _options(self) -> list[str]:
        settings = {
            "listen_addresses": HOST,
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": CONNECTIONS,
            "fsync": "on" if self._durable else "off",
        }
        return [f"--{name}={value}" for name, value in settings.items()]

    def _answers(self) -> bool:
        lines = self._lock_lines()
        return len(lines) > 7 and lines[7].strip() == READY and lines[0] == str(self.pid)

    def _lock_lines(self) -> list[str]:
        lock = self._data / "postmaster.pid"
        return lock.read_text().splitlines() if lock.exists() else []

    def _forget_stale_lock(self) -> None:
        """PostgreSQL does not start while the pid in its lock exists.

        After a reboot it may be another program's; after a kill, a zombie that nobody reaps (a container
        without an init). What children of the killed one still hold, PostgreSQL finds out by itself.
        """
        lines = self._lock_lines()
        if lines and not _is_postgres(int(lines[0])):
            (self._data / "postmaster.pid").unlink(missing_ok=True)


def _version(program: Path) -> str:
    """The major version, such as 15, from `postgres (PostgreSQL) 15.14 (Debian …)`."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return said.stdout.split()[2].split(".")[0]


def _user() -> str | None:
    return OWNER if os.geteuid() == 0 else None


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """The folder, opened: the user postgres may not pass root's home, but it may use what it inherits."""
    number = os.open(folder, os.O_DIRECTORY)
    try:
        yield number
    finally:
        os.close(number)


def _inherited(number: int) -> str:
    return f"/proc/self/fd/{number}"


def _is_postgres(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        named = process.name() in ("postgres", "postmaster")
        return named and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
