"""An alias is a log: one small file for each move, and the newest that can be read counts.

A move creates the file of the next generation exclusively, which makes it a compare-and-swap on any store that can
create a file for one caller only (docs/decisions/0003-alias-as-a-log.md).
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from services.model_store.errors import ERRORS, AliasMoved
from services.model_store.files import Files
from services.model_store.manifest import Moment, Name

MAX_ENTRY = 65_536  # bytes; an entry has some 300

logger = logging.getLogger(__name__)


class AliasEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One move of an alias: since `at` it points to `version`, for `reason`."""

    version: Name
    generation: int
    reason: str
    at: Moment
    id: str  # tells our own write, repeated by a client library after a time-out, from another's


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AliasEntry)
_file = re.compile(r"([0-9]{8})\.json")


class AliasLog:
    """The moves of one alias of one model, in one folder."""

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        self._folder = folder

    def current(self) -> AliasEntry | None:
        """Return the newest move; None when there is none."""
        return next(self._entries(), None)

    def history(self) -> list[AliasEntry]:
        """Return all moves, newest first. Those that cannot be read are left out, counted and logged."""
        for generation in self._generations():
            if self._read(generation) is None:
                ERRORS.labels("damaged").inc()
                logger.warning("Unreadable alias entry %s was left out.", self._path(generation))
        return list(self._entries())

    def append(self, version: str, *, expected: int | None, reason: str) -> AliasEntry:
        """Move the alias, if its generation still is `expected` (None: it points nowhere yet).

        Raises:
            AliasMoved: it is not; nothing was changed.
        """
        generations = self._generations()
        current = self.current()
        found = current.generation if current else None
        if found != expected:
            raise AliasMoved(self._folder, expected=expected, found=found)
        entry = AliasEntry(
            version=version,
            generation=max(generations, default=0) + 1,  # also past entries that cannot be read
            reason=reason,
            at=datetime.now(UTC),
            id=uuid.uuid4().hex,
        )
        try:
            self._files.create(self._path(entry.generation), _encoder.encode(entry))
        except FileExistsError as error:
            if self._read(entry.generation) != entry:
                raise AliasMoved(self._folder, expected=expected, found=entry.generation) from error
        return entry

    def _entries(self) -> Iterator[AliasEntry]:
        for generation in self._generations():
            entry = self._read(generation)
            if entry is not None:
                yield entry

    def _generations(self) -> list[int]:
        matches = (_file.fullmatch(name) for name in self._files.names(self._folder))
        return sorted((int(match[1]) for match in matches if match), reverse=True)

    def _read(self, generation: int) -> AliasEntry | None:
        try:
            entry = _decoder.decode(self._files.read(self._path(generation), limit=MAX_ENTRY))
        except (
            FileNotFoundError,
            ValueError,
            RecursionError,
        ):  # deleted meanwhile, or half-written
            return None
        return entry if entry.generation == generation else None

    def _path(self, generation: int) -> str:
        return f"{self._folder}/{generation:08d}.json"


def previous(history: Sequence[AliasEntry]) -> str | None:
    """Return the version to which a rollback goes; None when there is none.

    Coming back to a version forgets what came after it, so that a second rollback goes further back and never
    forward again to the version that was rolled back.
    """
    path: list[str] = []
    for entry in reversed(history):
        if entry.version in path:
            del path[path.index(entry.version) :]
        path.append(entry.version)
    return path[-2] if len(path) > 1 else None
