"""Processes that outlive the command which started them: known by pid and start time, ended politely."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

SAME_START: Final = (
    2.0  # seconds: the kernel's boot time, which psutil adds, moves when a clock is set
)
LOOK_EVERY: Final = 0.02  # seconds between two looks whether a process has ended
LAST_LINES: Final = 15  # of a log, shown when a process failed: a traceback's end fits


class NotStarted(RuntimeError):
    """Something does not start; the message says what, and what to do or the end of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process. `started` (seconds since the epoch) tells it from a later one with the same pid."""

    name: str
    pid: int
    started: float
    ends_by: int = signal.SIGTERM

    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not."""
        alive = self._handle() is not None
        if not alive:
            self._reap()
        return alive

    def send(self, number: int) -> None:
        """Send a signal, or do nothing when the process is gone."""
        with suppress(psutil.NoSuchProcess):
            if handle := self._handle():
                handle.send_signal(number)

    def end(self, *, timeout: float) -> bool:
        """Ask, wait up to `timeout` seconds, then kill with its whole group; whether asking was enough."""
        self.send(self.ends_by)
        self.send(signal.SIGCONT)  # a stopped process hears nothing else
        politely = self._gone_within(timeout)
        if not politely:
            _kill_group(self.pid)
            self._gone_within(timeout)
        return politely

    def _gone_within(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while self.alive():
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_EVERY)
        return True

    def _handle(self) -> psutil.Process | None:
        try:
            handle = psutil.Process(self.pid)
            same = abs(handle.create_time() - self.started) < SAME_START
            return handle if same and not _is_dead(handle) else None
        except psutil.NoSuchProcess:
            return None

    def _reap(self) -> None:
        try:
            os.waitpid(self.pid, os.WNOHANG)
        except ChildProcessError:
            return  # somebody else's child


def spawn(
    command: Sequence[str | Path],
    *,
    name: str,
    log: Path,
    environment: Mapping[str, str],
    folder: Path,
    user: str | None = None,
    pass_fds: Sequence[int] = (),
    ends_by: int = signal.SIGTERM,
) -> Process:
    """Start a process in a session of its own (the terminal's Ctrl-C is not for it), its output appended to `log`."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,
            pass_fds=pass_fds,
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
        )
    child.returncode = (
        0  # it is waited for by pid, maybe by another command: Popen need not watch it
    )
    started = psutil.Process(child.pid).create_time()
    return Process(name=name, pid=child.pid, started=started, ends_by=ends_by)


def last_lines(log: Path) -> str:
    """The end of a log, for an error message."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])


def _is_dead(handle: psutil.Process) -> bool:
    """A zombie holds nothing any more, whoever forgets to reap it, once its threads have ended too."""
    return handle.status() == psutil.STATUS_ZOMBIE and handle.num_threads() <= 1


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)  # spawn made it the leader of its group
    except ProcessLookupError:
        return
