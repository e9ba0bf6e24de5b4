"""The fields of all items as arrays by item number, so that a filter is a few passes of numpy.

A column is made when a filter first asks for it and follows each change of the catalogue afterwards. What
an item lacks is NaN, NaT or the empty text, which no comparison finds.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.recommendations.catalogue import GROWTH, Catalogue, Item
from services.recommendations.filter_terms import Field

# Columns kept, the longest unused leaves: clients choose the labels they ask for. At a million items one
# takes 4 to 12 MB, and some 150 bytes for each text that is not yet among its texts.
MAX_COLUMNS = 16
# Items of which a column is made at once, in some 10 ms; of a million it takes 1 s, in a thread.
AT_ONCE = 10_000
# Texts an item in one column: a label such as a price leaves one behind at each change.
MOST_TEXTS = 3

_NUMBER = re.compile(r"\s*[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)
_YEAR_IN_TITLE = re.compile(r"\(\d{4}\)", re.ASCII)  # at its end, as MovieLens writes it
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NEVER = int(np.iinfo(np.int64).min)  # as which numpy has NaT


class Values:
    """One number, moment or truth an item."""

    def __init__(self, read: Callable[[Item], Any], dtype: str, lacking: object) -> None:
        self._read = read
        self._lacking = lacking
        self._array: NDArray[Any] = np.zeros(0, dtype)

    def put(self, items: Sequence[Item], size: int) -> None:
        """Take over new and changed items, whose numbers are below `size`."""
        self._array = _grown(self._array, size, self._lacking)
        numbers = [item.number for item in items]
        self._array[numbers] = np.array([self._read(i) for i in items], self._array.dtype)

    def upto(self, size: int) -> NDArray[Any]:
        """Return (size,) values."""
        return self._array[:size]


class Texts:
    """One text an item, each distinct one kept once: what holds for a text is computed once for all
    items that have it. `texts[0]` is the empty one, which is what an item has that lacks the field."""

    def __init__(self, read: Callable[[Item], str | None], *, fold: bool) -> None:
        self._read = read
        self._fold = fold
        self._codes: NDArray[np.int32] = np.zeros(0, np.int32)
        self._code_of: dict[str, int] = {"": 0}
        self.texts = [""]
        self._numbers: NDArray[np.float64] = np.zeros(0, np.float64)

    def put(self, items: Sequence[Item], size: int) -> None:
        """Take over new and changed items, whose numbers are below `size`."""
        self._codes = _grown(self._codes, size, 0)
        numbers = [item.number for item in items]
        self._codes[numbers] = [self._code(self._read(item) or "") for item in items]

    def _code(self, text: str) -> int:
        text = self.folded(text)
        code = self._code_of.setdefault(text, len(self.texts))
        if code == len(self.texts):
            self.texts.append(text)
        return code

    def folded(self, text: str) -> str:
        """Return a text as this column has it: without regard to case, unless case matters."""
        return text.casefold() if self._fold else text

    def code(self, text: str) -> int | None:
        """Return the place of a text among `texts`, None if no item has it."""
        return self._code_of.get(self.folded(text)) or None

    def numbers(self) -> NDArray[np.float64]:
        """Return what each of `texts` is as a number, NaN where it is none."""
        known = len(self._numbers)
        if known < len(self.texts):
            more = [number(text) for text in self.texts[known:]]
            self._numbers = np.concatenate([self._numbers, np.array(more, np.float64)])
        return self._numbers

    def spread(self, holds: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
        """Return (size,): what holds for each of `texts`, by item number."""
        return holds[self._codes[:size]]


Column = Values | Texts


class Columns:
    """The columns of one catalogue that filters asked for."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self._kept: OrderedDict[Field, Column] = OrderedDict()
        self._preparing = asyncio.Lock()
        self._missed: list[Item] = []  # what changed while a column was made in a thread

    async def prepare(self, wanted: Iterable[Field]) -> None:
        """Make these columns aside, where making them would hold up other requests."""
        missing = [field for field in wanted if field not in self._kept]
        if not missing or self.catalogue.size <= AT_ONCE:
            return
        async with self._preparing:
            for field in missing:
                if field not in self._kept:
                    self._keep(field, await self._made_aside(field))

    async def _made_aside(self, field: Field) -> Column:
        column = _made(field)
        self._missed = []
        await asyncio.to_thread(column.put, self.catalogue.items(), self.catalogue.size)
        column.put(self._missed, self.catalogue.size)
        return column

    def put(self, changed: Sequence[Item]) -> None:
        """Follow the catalogue, which has taken over these items."""
        size = self.catalogue.size
        if self._preparing.locked():
            self._missed += changed
        for field, column in list(self._kept.items()):
            column.put(changed, size)
            if isinstance(column, Texts) and len(column.texts) > MOST_TEXTS * size:
                del self._kept[field]  # texts that no item has any more; it is made anew

    def values(self, field: Field) -> NDArray[Any]:
        """Return (size,) of year (float64), published_at (datetime64, microseconds) or hidden (bool)."""
        column = self._column(field)
        assert isinstance(column, Values)  # noqa: S101 - a field has one kind of column
        return column.upto(self.catalogue.size)

    def texts(self, field: Field) -> Texts:
        """Return the column of item_id, title or a label."""
        column = self._column(field)
        assert isinstance(column, Texts)  # noqa: S101
        return column

    def _column(self, field: Field) -> Column:
        column = self._kept.get(field)
        if column is None:
            column = _made(field)
            column.put(self.catalogue.items(), self.catalogue.size)
            self._keep(field, column)
        self._kept.move_to_end(field)
        return column

    def _keep(self, field: Field, column: Column) -> None:
        self._kept[field] = column
        if len(self._kept) > MAX_COLUMNS:
            self._kept.popitem(last=False)


def number(text: str | None) -> float:
    """Return the number that a text is, NaN if it is none."""
    if not text:
        return nan
    value = float(text) if _NUMBER.fullmatch(text) else nan
    return value if isfinite(value) else nan


def year(item: Item) -> float:
    """Return the label `year` if it is a number, else the year it was published, else the one that the
    title ends with, as in "Heat (1995)", else NaN."""
    told = number(item.labels.get("year"))
    if isfinite(told):
        return told
    at = item.published_at
    if at is not None:
        return at.year if at.tzinfo is UTC else at.astimezone(UTC).year
    end = (item.title or "").rstrip()[-6:]
    return float(end[1:5]) if _YEAR_IN_TITLE.fullmatch(end) else nan


def _published(item: Item) -> int:
    """Return microseconds since 1970, which numpy reads ten times as fast as it reads a datetime."""
    return _NEVER if item.published_at is None else (item.published_at - _EPOCH) // _MICROSECOND


def _made(field: Field) -> Column:
    if field.name in _VALUES:
        return Values(*_VALUES[field.name])
    if field.name == "labels":
        return Texts(lambda item: item.labels.get(field.key), fold=True)
    if field.name == "title":
        return Texts(lambda item: item.title, fold=True)
    return Texts(lambda item: item.item_id, fold=False)  # ids that differ in case are two ids


_VALUES: dict[str, tuple[Callable[[Item], Any], str, object]] = {
    "year": (year, "float64", nan),
    "published_at": (_published, "datetime64[us]", _NEVER),
    "hidden": (lambda item: item.hidden, "bool", False),
}


def _grown(array: NDArray[Any], size: int, lacking: object) -> NDArray[Any]:
    if size <= len(array):
        return array
    grown = np.full(max(size, int(len(array) * GROWTH)), lacking, array.dtype)
    grown[: len(array)] = array
    return grown
