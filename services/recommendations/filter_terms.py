"""What a filter is made of: its tree, the fields of an item, what each may be compared with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np

Value = str | float | bool

_ORDER = ("=", "!=", "<", "<=", ">", ">=", "in")
_TEXT = (*_ORDER, "contains", "starts with")
OPERATORS: dict[str, tuple[str, ...]] = {
    "item_id": _TEXT,
    "title": _TEXT,
    "genres": ("has",),
    "hidden": ("=", "!="),
    "published_at": _ORDER,
    "year": _ORDER,
    "labels": _TEXT,
}

_KEY = re.compile(r"[\w-]+", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d", re.ASCII)
EXACT = 2.0**53  # whole numbers below it are written without a point


@dataclass(frozen=True, slots=True)
class Field:
    """A field of an item; `key` is which of the labels."""

    name: str
    key: str = ""

    def __str__(self) -> str:
        if self.name != "labels":
            return self.name
        return f"labels.{self.key}" if _KEY.fullmatch(self.key) else f"label {quoted(self.key)}"


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison; only `in` has several values. False for an item that lacks the field."""

    field: Field
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    inner: Expression


@dataclass(frozen=True, slots=True)
class Both:
    """All parts, at least two."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Any part, of at least two."""

    parts: tuple[Expression, ...]


Expression = Term | Not | Both | Either


def terms(expression: Expression) -> Iterator[Term]:
    """Yield the comparisons of an expression, from left to right."""
    if isinstance(expression, Term):
        yield expression
    elif isinstance(expression, Not):
        yield from terms(expression.inner)
    else:
        for part in expression.parts:
            yield from terms(part)


def unparse(expression: Expression) -> str:
    """Return the expression as text, always the same for the same tree, which `parse` gives back."""
    if isinstance(expression, Both):
        return " and ".join(map(_inner, expression.parts))
    if isinstance(expression, Either):
        return " or ".join(map(_inner, expression.parts))
    if isinstance(expression, Not):
        return f"not {_inner(expression.inner)}"
    values = ", ".join(map(_value, expression.values))
    if expression.operator == "in":
        values = f"[{values}]"
    return f"{expression.field} {expression.operator} {values}"


def _inner(expression: Expression) -> str:
    text = unparse(expression)
    return f"({text})" if isinstance(expression, Both | Either) else text


def _value(value: Value) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if value.is_integer() and abs(value) < EXACT else repr(value)


def quoted(text: str) -> str:
    """Return a text as it stands in an expression."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def span(text: str) -> tuple[np.datetime64, np.datetime64]:
    """Return when the day or the moment `text` begins and when it is over, in UTC (microseconds).

    Raises:
        ValueError: neither a date nor RFC 3339 with an offset.
    """
    if _DAY.fullmatch(text):
        start = np.datetime64(date.fromisoformat(text), "us")
        return start, start + np.timedelta64(1, "D")
    moment = datetime.fromisoformat(text.upper() if _MOMENT.match(text) else "")
    if moment.tzinfo is None:
        raise ValueError("A time needs an offset.")
    try:
        start = np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")
    except OverflowError as error:
        raise ValueError("The time lies too far away.") from error
    return start, start + np.timedelta64(1, "us")


def _is_time(value: Value) -> bool:
    try:
        return isinstance(value, str) and bool(span(value))
    except ValueError:
        return False


def _is_number(value: Value) -> bool:
    return isinstance(value, float)


def _is_text(value: Value) -> bool:
    return isinstance(value, str)


def _is_either(value: Value) -> bool:
    return isinstance(value, str | float)


def _is_truth(value: Value) -> bool:
    return isinstance(value, bool)


_A_TEXT = (_is_text, "a text in quotes")
# Whether a value fits a field, and what is asked for instead. `text` is for operators on texts alone.
VALUES: dict[str, tuple[Callable[[Value], bool], str]] = {
    "text": _A_TEXT,
    "item_id": _A_TEXT,
    "title": _A_TEXT,
    "genres": _A_TEXT,
    "hidden": (_is_truth, "true or false"),
    "published_at": (_is_time, 'a date or time with offset in quotes, such as "2026-01-31",'),
    "year": (_is_number, "a number, such as 1995,"),
    "labels": (_is_either, "a text in quotes or a number"),
}
