"""Reading MovieLens folders, a batch at a time: what can be read is taken, the rest is named.

A rating's event id comes from user, item and time, so that importing a folder again counts nothing twice.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Generic, Self, TypeVar

from services.messages.types import InteractionRecorded
from services.recommendations.movielens import LAYOUTS, Damaged, Layout, Rated

BATCH = 1_000  # rows handed over together: one transaction's worth
LONGEST_LINE = 65_536  # bytes; the longest line of MovieLens has some 300
SHOWN = 500  # characters of a refused row that go into the rejects file
CLOCK_SKEW = timedelta(days=1)  # a time further in the future is a mistake

Row = TypeVar("Row")


class ImportRefused(Exception):
    """The folder as a whole cannot be imported; the sentence says why."""


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item for the catalogue."""

    item_id: str
    title: str
    genres: tuple[str, ...]
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewInteraction:
    """A reaction and the id of its event."""

    event_id: str
    interaction: InteractionRecorded


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not taken: `line` counts from 1."""

    file: str
    line: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Batch(Generic[Row]):
    """Rows that were read, rows that were not, and the bytes of the file that both took."""

    rows: Sequence[Row]
    rejects: Sequence[Reject]
    bytes: int


@dataclass(frozen=True, slots=True)
class MovieLens:
    """A folder whose layout is known."""

    folder: Path
    layout: Layout

    @property
    def bytes(self) -> int:
        """The size of both files, for a progress bar."""
        return sum(
            (self.folder / name).stat().st_size
            for name in (self.layout.items_file, self.layout.ratings_file)
        )

    def items(self) -> Iterator[Batch[NewItem]]:
        """Yield the films; each has its year as a label.

        Raises:
            ImportRefused: the file cannot be read at all.
        """

        def parse(text: str) -> NewItem:
            film = self.layout.film(text)
            labels = {"year": film.year} if film.year else {}
            return NewItem(film.item_id, film.title, film.genres, labels)

        return _batches(self.folder / self.layout.items_file, self.layout, parse)

    def interactions(self) -> Iterator[Batch[NewInteraction]]:
        """Yield the ratings, in the order of the file.

        Raises:
            ImportRefused: the file cannot be read at all.
        """
        latest = (datetime.now(UTC) + CLOCK_SKEW).timestamp()

        def parse(text: str) -> NewInteraction:
            return _interaction(self.layout.rating(text), latest)

        return _batches(self.folder / self.layout.ratings_file, self.layout, parse)


def open_folder(folder: Path) -> MovieLens:
    """Return the folder as what it is.

    Raises:
        ImportRefused: there is no such folder, or it has no known layout; says what was looked for.
    """
    try:
        found = {entry.name for entry in folder.iterdir() if entry.is_file()}
    except OSError as error:
        raise ImportRefused(f"{folder} cannot be read: {error.strerror or error}.") from error
    for layout in LAYOUTS:
        if {layout.items_file, layout.ratings_file} <= found:
            return MovieLens(folder, layout)
    wanted = "; ".join(
        f"{layout.items_file} and {layout.ratings_file} ({layout.names})" for layout in LAYOUTS
    )
    there = ", ".join(sorted(found)[:10]) or "no files"
    raise ImportRefused(f"{folder} is no MovieLens folder. Looked for {wanted}; found {there}.")


class RejectsFile:
    """Writes refused rows as CSV (file, line, reason, text); there is no file when there are none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file = path.with_suffix(path.suffix + ".part")
        self._out = self._file.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._out)
        self._writer.writerow(["file", "line", "reason", "text"])

    def write(self, rejects: Sequence[Reject]) -> None:
        """Add these rows."""
        self.count += len(rejects)
        self._writer.writerows((each.file, each.line, each.reason, each.text) for each in rejects)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._out.close()
        if self.count:
            self._file.replace(self.path)
        else:
            self._file.unlink()


def _interaction(rated: Rated, latest: float) -> NewInteraction:
    if rated.timestamp > latest:
        raise Damaged("the timestamp is in the future")
    key = f"{rated.user_id}|{rated.item_id}|{rated.timestamp}"
    return NewInteraction(
        event_id="ml-" + hashlib.sha256(key.encode()).hexdigest()[:32],
        interaction=InteractionRecorded(
            user_id=rated.user_id,
            item_id=rated.item_id,
            kind="rating",
            occurred_at=datetime.fromtimestamp(rated.timestamp, UTC),
            value=rated.rating,
        ),
    )


def _batches(path: Path, layout: Layout, parse: Callable[[str], Row]) -> Iterator[Batch[Row]]:
    rows: list[Row] = []
    rejects: list[Reject] = []
    taken = 0
    try:
        with path.open("rb") as file:
            for number, line, size in _lines(file):
                taken += size
                _take(path.name, number, line, layout, parse, rows, rejects)
                if len(rows) + len(rejects) == BATCH:
                    yield Batch(rows, rejects, taken)
                    rows, rejects, taken = [], [], 0
    except OSError as error:
        raise ImportRefused(f"{path} cannot be read: {error.strerror or error}.") from error
    yield Batch(rows, rejects, taken)


def _take(
    name: str,
    number: int,
    line: bytes | None,
    layout: Layout,
    parse: Callable[[str], Row],
    rows: list[Row],
    rejects: list[Reject],
) -> None:
    """Put the line's row where it belongs; an empty line and the header belong nowhere."""
    text = ""
    try:
        if line is None:
            raise Damaged(f"the line has more than {LONGEST_LINE:,} bytes")
        text = layout.decode(line)
        if text.strip() and not (number == 1 and layout.is_header(text)):
            rows.append(parse(text))
    except Damaged as error:
        shown = text or (line or b"").decode("latin-1")
        rejects.append(Reject(name, number, str(error), shown[:SHOWN]))


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None, int]]:
    """Yield number, content (None: too long) and size of each line, never holding more than one's limit."""
    number = 0
    while part := file.readline(LONGEST_LINE):
        number += 1
        size, whole = len(part), part.endswith(b"\n") or len(part) < LONGEST_LINE
        while not part.endswith(b"\n") and len(part) == LONGEST_LINE:
            part = file.readline(LONGEST_LINE)
            size += len(part)
        yield number, part.rstrip(b"\r\n") if whole else None, size
