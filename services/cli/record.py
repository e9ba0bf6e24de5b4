"""What `akin up` has started, kept in AKIN_HOME/run/processes.json for `akin down` and the next `akin up`."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Literal

import msgspec

from services.cli.processes import Process
from services.cli.servers.server import write_private

Stage = Literal["services", "workers", "servers"]
# Who feeds whom: services end first, servers last.
STAGES: Final[tuple[Stage, ...]] = ("services", "workers", "servers")


@dataclass(kw_only=True)
class Record:
    """Processes by stage, in the order in which they started, and the settings that reach them.

    Every change is written at once: whatever is killed, what runs is known. The file holds passwords
    (in the addresses), so only its owner can read it.
    """

    complete: bool = False  # all was started and healthy once
    settings: dict[str, str] = field(default_factory=dict)
    services: list[Process] = field(default_factory=list)
    workers: list[Process] = field(default_factory=list)
    servers: list[Process] = field(default_factory=list)

    def of(self, stage: Stage) -> list[Process]:
        """The processes of a stage."""
        return {"services": self.services, "workers": self.workers, "servers": self.servers}[stage]

    def processes(self) -> list[Process]:
        """All of them."""
        return [process for stage in STAGES for process in self.of(stage)]

    def is_running(self) -> bool:
        """Whether all that was to run does."""
        return self.complete and all(process.alive() for process in self.processes())


class RecordFile:
    """The file; `record` is what it holds now."""

    def __init__(self, home: Path) -> None:
        self._file = home / "run" / "processes.json"
        self._lock = threading.Lock()  # servers start in threads
        self.record = _read(self._file) if self._file.exists() else Record()

    def begin(self, settings: dict[str, str]) -> None:
        """Start a new record."""
        self.record = Record(settings=settings)
        self._write()

    def add(self, stage: Stage, process: Process) -> None:
        """Note a process that runs now."""
        with self._lock:
            self.record.of(stage).append(process)
            self._write()

    def finish(self) -> None:
        """Note that all of it runs."""
        self.record.complete = True
        self._write()

    def clear(self) -> None:
        """Nothing runs any more."""
        self.record = Record()
        self._file.unlink(missing_ok=True)

    def _write(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_private(
            self._file, msgspec.json.format(msgspec.json.encode(asdict(self.record))).decode()
        )


def _read(file: Path) -> Record:
    return msgspec.json.decode(file.read_bytes(), type=Record)
