"""Reading anomalies from CSV, a batch at a time: what can be read is taken, the rest is named.

Memory does not grow with the file, but for 70 bytes a row that remember which ids it had.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from typing import Any, BinaryIO

from pydantic import ValidationError

from services.anomaly_similarity.mapping import ATTRIBUTES, LISTS, ImportRefused, Pair
from services.anomaly_similarity.schemas import AnomalyIn
from services.web.errors import worded

BATCH = 1_000  # rows handed over together: one transaction's worth
LONGEST_ROW = 131_072  # bytes; as many as Python's csv takes for one cell
SHOWN = 500  # characters of a refused row that go into the rejects file
REASONS = 3  # things that are told to be wrong with one row
DELIMITERS = ",;\t|"
SEPARATOR = ";"  # between several ids in one cell

_DATE = re.compile(r"\d{4}-\d\d-\d\d([Tt ].*)?", re.ASCII)


class _Damaged(ValueError):
    """A row that cannot be taken; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not taken: `line` counts from 1."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Anomalies with their ids, rows that were refused, and the bytes of the file that both took."""

    rows: Sequence[tuple[str, AnomalyIn]]
    rejects: Sequence[Reject]
    bytes: int


class Source:
    """A CSV file (UTF-8, a header, any of the usual delimiters) that is read as a mapping says."""

    def __init__(self, file: BinaryIO, pairs: Sequence[Pair]) -> None:
        """Read the header.

        Raises:
            ImportRefused: there is none, or columns of the mapping are not in it; says which there are.
        """
        self._file = file
        self._pairs = pairs
        self._line = 0  # the last one that was read
        self._unfinished = 0  # bytes of the row that is being read
        self._seen: set[bytes] = set()
        try:
            first = next(self._lines(), "").removeprefix("\ufeff")
        except _Damaged as error:
            raise ImportRefused(f"The header cannot be read: {error}.") from error
        self._delimiter = max(DELIMITERS, key=first.count)
        self._header = next(csv.reader([first], delimiter=self._delimiter), [])
        named = {pair.column for pair in pairs if pair.column is not None}
        missing = sorted(named - set(self._header))
        if missing:
            there = ", ".join(self._header)[:SHOWN] or "none"
            raise ImportRefused(f"Unknown columns: {', '.join(missing)}. The file has {there}.")

    def batches(self) -> Iterator[Batch]:
        """Yield what is in the file, in its order."""
        rows: list[tuple[str, AnomalyIn]] = []
        rejects: list[Reject] = []
        begun = self._file.tell()
        for line, cells in self._records():
            try:
                if isinstance(cells, _Damaged):
                    raise cells
                rows.append(self._anomaly(cells))
            except _Damaged as error:
                text = "" if isinstance(cells, _Damaged) else self._shown(cells)
                rejects.append(Reject(line, str(error), text))
            if len(rows) + len(rejects) == BATCH:
                yield Batch(rows, rejects, self._file.tell() - begun)
                rows, rejects, begun = [], [], self._file.tell()
        yield Batch(rows, rejects, self._file.tell() - begun)

    def _records(self) -> Iterator[tuple[int, list[str] | _Damaged]]:
        """Yield each row that is not empty with its first line; after one that is damaged, begin anew."""
        while True:
            begun = self._line + 1
            try:
                for cells in csv.reader(self._lines(), delimiter=self._delimiter):
                    if any(cell.strip() for cell in cells):
                        yield begun, cells
                    begun, self._unfinished = self._line + 1, 0
                return
            except (csv.Error, _Damaged) as error:
                self._unfinished = 0
                yield begun, _Damaged(str(error))

    def _lines(self) -> Iterator[str]:
        """Yield the lines that are left; a line, or a row of several, that is too long is damaged."""
        while part := self._file.readline(LONGEST_ROW):
            self._line += 1
            self._unfinished += len(part)
            if len(part) == LONGEST_ROW and not part.endswith(b"\n"):
                while part and not part.endswith(b"\n"):
                    part = self._file.readline(LONGEST_ROW)
                raise _Damaged(f"the line has more than {LONGEST_ROW:,} bytes")
            if self._unfinished > LONGEST_ROW:
                raise _Damaged(f"the row has more than {LONGEST_ROW:,} bytes")
            yield part.decode(errors="surrogateescape")

    def _anomaly(self, cells: list[str]) -> tuple[str, AnomalyIn]:
        if len(cells) != len(self._header):
            raise _Damaged(f"has {len(cells)} cells, the header {len(self._header)}")
        try:
            whole = "\x1f".join(cells).encode()
        except UnicodeEncodeError:
            raise _Damaged("is not UTF-8") from None
        told = _told(self._pairs, dict(zip(self._header, cells, strict=True)))
        try:
            anomaly = AnomalyIn.model_validate(told)
        except ValidationError as error:
            raise _Damaged(_reason(error)) from None
        # The same row has the same id, whenever it is imported.
        anomaly_id = anomaly.anomaly_id or "row-" + sha256(whole).hexdigest()[:32]
        mark = blake2b(anomaly_id.encode(), digest_size=8).digest()
        if mark in self._seen:
            same = "the id" if anomaly.anomaly_id else "the same row"
            raise _Damaged(f"{same} stands in an earlier row")
        self._seen.add(mark)
        return anomaly_id, anomaly

    def _shown(self, cells: Sequence[str]) -> str:
        text = self._delimiter.join(cells)[:SHOWN]
        return (
            text.encode(errors="surrogateescape").decode(errors="replace").replace("\x00", "\ufffd")
        )


def as_csv(rejects: Iterable[Reject]) -> str:
    """Return refused rows as CSV (line, reason, text), without a header."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows((each.line, each.reason, each.text) for each in rejects)
    return out.getvalue()


def _told(pairs: Sequence[Pair], cells: Mapping[str, str]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for pair in pairs:
        cell = pair.value if pair.column is None else cells[pair.column].strip()
        if not cell:
            continue  # nothing is told
        if pair.field in LISTS:
            names = (name.strip() for name in cell.split(SEPARATOR))
            told.setdefault(pair.field, []).extend(name for name in names if name)
        elif pair.field == ATTRIBUTES:
            told.setdefault(ATTRIBUTES, {})[pair.name] = cell
        elif pair.field == "timestamp":
            told[pair.field] = _moment(cell)
        elif pair.field == "outcome":
            told[pair.field] = cell.lower()
        else:
            told[pair.field] = cell
    told.setdefault("description", "")
    return told


def _moment(cell: str) -> datetime:
    """Return the time; one without an offset is UTC."""
    if not _DATE.fullmatch(cell):
        raise _Damaged(
            f"timestamp: '{cell[:50]}' is no time such as 2026-01-31 or 2026-01-31T12:00:00Z"
        )
    try:
        moment = datetime.fromisoformat(cell.upper())
    except ValueError:
        raise _Damaged(f"timestamp: '{cell[:50]}' does not exist") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _reason(error: ValidationError) -> str:
    wrong = [f"{'.'.join(map(str, each['loc']))}: {worded(each)}" for each in error.errors()]
    return "; ".join(wrong[:REASONS]) + (" …" if len(wrong) > REASONS else "")
