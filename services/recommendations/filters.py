"""Filters: expressions that items fulfil or not, as masks over a catalogue.

Comparisons are false where an item lacks the field (`year != 1995` too; `not year = 1995` is true then).
Genres, titles and labels are compared without regard to case, item ids exactly. A label is compared as a
number where the expression has a number. A date stands for the whole day, in UTC.
"""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.recommendations.catalogue import Catalogue, Item
from services.recommendations.columns import Columns, Texts
from services.recommendations.filter_grammar import FilterError, parse
from services.recommendations.filter_terms import (
    Both,
    Either,
    Expression,
    Field,
    Not,
    Term,
    Value,
    span,
    terms,
    unparse,
)

__all__ = ["Filter", "FilterError", "Masks", "compile_filter"]

Mask = NDArray[np.bool_]

COMPILED = 1_000  # filters kept as they were parsed, a few kB each: parsing takes 20 to 500 µs
MAX_MASKS = 100  # masks of a catalogue that are kept; clients write filters anew now and then …
MASK_BYTES = 32_000_000  # … and bytes of them: 32 masks of a million items

_BY_NUMBER = ("=", "in")  # of item ids, which the catalogue itself finds
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "starts with": str.startswith,
    "contains": operator.contains,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that parsed. `key` is the same for expressions that differ in spaces and quotes alone."""

    text: str
    expression: Expression
    key: str

    def mask(self, columns: Columns) -> Mask:
        """Return (size,): whether each item fulfils it, those included that may not be recommended."""
        return _mask(self.expression, columns)


@lru_cache(COMPILED)
def compile_filter(text: str) -> Filter:
    """Return the filter that `text` describes.

    Raises:
        FilterError: it does not parse.
    """
    expression = parse(text)
    return Filter(text, expression, unparse(expression))


class Masks:
    """The masks of one catalogue, each made once and kept until the catalogue changes, the last used."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.columns = Columns(catalogue)
        self.version = 0  # grows with every change of items
        self._kept: OrderedDict[str, Mask] = OrderedDict()

    def update(self, changed: Sequence[Item]) -> None:
        """Follow the catalogue, which has taken over these items."""
        if not changed:
            return
        self.version += 1
        self._kept.clear()
        self.columns.put(changed)

    async def prepare(self, wanted: Iterable[Filter]) -> None:
        """Make what these filters need without holding up other requests; `of` is quick then."""
        await self.columns.prepare(
            field
            for each in wanted
            if each.key not in self._kept
            for field in columns_of(each.expression)
        )

    def of(self, wanted: Filter) -> Mask:
        """Return (size,): whether each item fulfils the filter. Not to be written to."""
        mask = self._kept.get(wanted.key)
        if mask is None:
            mask = wanted.mask(self.columns).view()
            mask.flags.writeable = False
            self._kept[wanted.key] = mask
            if len(self._kept) > min(MAX_MASKS, 1 + MASK_BYTES // max(1, len(mask))):
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(wanted.key)
        return mask


def columns_of(expression: Expression) -> set[Field]:
    """Return the fields whose columns the expression is computed from."""
    by_catalogue = {"genres": ("has",), "item_id": _BY_NUMBER}
    return {
        term.field
        for term in terms(expression)
        if term.operator not in by_catalogue.get(term.field.name, ())
    }


def _mask(expression: Expression, columns: Columns) -> Mask:
    if isinstance(expression, Not):
        return ~_mask(expression.inner, columns)
    if isinstance(expression, Both):
        return reduce(operator.and_, (_mask(part, columns) for part in expression.parts))
    if isinstance(expression, Either):
        return reduce(operator.or_, (_mask(part, columns) for part in expression.parts))
    return _MASKS[expression.field.name](expression, columns)


def _genre(term: Term, columns: Columns) -> Mask:
    return columns.catalogue.with_genre(str(term.values[0]))


def _hidden(term: Term, columns: Columns) -> Mask:
    wanted = term.values[0] is (term.operator == "=")
    return np.asarray(columns.values(term.field) == wanted, bool)


def _year(term: Term, columns: Columns) -> Mask:
    return _numeric(columns.values(term.field), term.operator, term.values)


def _numeric(numbers: NDArray[np.float64], name: str, values: Sequence[Value]) -> Mask:
    """Compare numbers, of which those that are NaN fulfil nothing."""
    if name == "in":
        return np.isin(numbers, [float(value) for value in values])
    value = float(values[0])
    if name == "!=":
        return (numbers < value) | (numbers > value)
    return np.asarray(_COMPARE[name](numbers, value), bool)


def _published(term: Term, columns: Columns) -> Mask:
    moments = columns.values(term.field)
    each = (_during(moments, term.operator, *span(str(value))) for value in term.values)
    return reduce(operator.or_, each)


def _during(
    moments: NDArray[np.datetime64], name: str, start: np.datetime64, end: np.datetime64
) -> Mask:
    """Compare moments with a span of time from `start` until before `end`; NaT fulfils nothing."""
    match name:
        case "<":
            return moments < start
        case "<=":
            return moments < end
        case ">":
            return moments >= end
        case ">=":
            return moments >= start
        case "!=":
            return (moments < start) | (moments >= end)
    return (moments >= start) & (moments < end)


def _text(term: Term, columns: Columns) -> Mask:
    column, size = columns.texts(term.field), columns.catalogue.size
    if term.operator in ("=", "!=", "in"):
        holds = _equal(column, term.values)
        holds = ~holds if term.operator == "!=" else holds
        if term.operator == "!=" and isinstance(term.values[0], float):
            holds &= ~np.isnan(column.numbers())
    elif isinstance(term.values[0], float):
        holds = _numeric(column.numbers(), term.operator, term.values)
    else:
        compare, wanted = _COMPARE[term.operator], column.folded(str(term.values[0]))
        holds = np.array([compare(text, wanted) for text in column.texts], bool)
    holds[0] = False  # the empty text: the field is lacking
    return column.spread(holds, size)


def _equal(column: Texts, values: Sequence[Value]) -> Mask:
    """Return which texts of the column are among the values."""
    holds = np.zeros(len(column.texts), bool)
    for value in values:
        if isinstance(value, float):
            holds |= column.numbers() == value
        else:
            holds[column.code(str(value)) or 0] = True
    return holds


def _item_id(term: Term, columns: Columns) -> Mask:
    """Compare ids; the catalogue knows the number of each, which saves a column of them all."""
    if term.operator not in _BY_NUMBER:
        return _text(term, columns)
    catalogue = columns.catalogue
    mask = np.zeros(catalogue.size, bool)
    mask[[n for n in map(catalogue.number, map(str, term.values)) if n is not None]] = True
    return mask


_MASKS: dict[str, Callable[[Term, Columns], Mask]] = {
    "genres": _genre,
    "hidden": _hidden,
    "year": _year,
    "published_at": _published,
    "title": _text,
    "labels": _text,
    "item_id": _item_id,
}
