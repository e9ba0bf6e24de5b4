"""The grammar of filters: an expression over the fields of an item, from text to a tree and back.

    expression = both {"or" both}
    both       = negation {"and" negation}
    negation   = "not" negation | "(" expression ")" | term
    term       = "genres" "has" text | "hidden" [("=" | "!=") ("true" | "false")]
               | field ("=" | "!=" | "<" | "<=" | ">" | ">=") value | field "in" "[" value {"," value} "]"
               | field ("contains" | "starts with") text
    field      = "item_id" | "title" | "published_at" | "year" | "labels." key | "label" text

A text stands in double or single quotes; a backslash takes the next character as it is. A recursive
descent of bounded depth, never `eval`: what a client sends is data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

from services.recommendations.filter_terms import (
    OPERATORS,
    VALUES,
    Both,
    Either,
    Expression,
    Field,
    Not,
    Term,
    Value,
)

MAX_LENGTH = 1_000  # characters: a page of conditions, and it fits into any URL
MAX_DEPTH = (
    20  # parentheses and nots within one another; nobody reads more, Python's stack takes more
)
MAX_VALUES = 100  # values compared with: each costs a pass over the catalogue, 1 ms a million items
MAX_SEARCHES = 10  # contains and starts with: each looks into every text, 80 ms a million titles
_SEARCHES = ("contains", "starts with")

_TOKEN = re.compile(
    r"""(?P<name>[^\W\d]\w*(?:\.[\w-]+)?)
    | (?P<number>-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)
    | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<symbol>==|!=|<=|>=|[=<>()\[\],.])""",
    re.ASCII | re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_SPACE = re.compile(r"\s*", re.ASCII)
_KNOWN = "item_id, title, genres, hidden, published_at, year, labels.<key>"


class FilterError(ValueError):
    """A filter that does not parse. `position` is how many characters stand before what is wrong."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"{message} (at position {position})")
        self.message = message
        self.position = position


class _Token(NamedTuple):
    kind: str | None  # name, number, text, symbol; None: the end
    text: str
    position: int

    @property
    def word(self) -> str:
        """Return it as a keyword or symbol; a text in quotes is none."""
        return "" if self.kind == "text" else self.text.lower()

    def __str__(self) -> str:
        return f"'{self.text[:20]}'" if self.kind else "the end"


def parse(text: str) -> Expression:
    """Return the tree of an expression.

    Raises:
        FilterError: it is none; the message says what was expected, and where.
    """
    if len(text) > MAX_LENGTH:
        raise FilterError(f"longer than {MAX_LENGTH:,} characters", MAX_LENGTH)
    return _Parser(text).parse()


def _tokens(text: str) -> Iterator[_Token]:
    position = _end_of_space(text, 0)
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            quoted = text[position] in "\"'"
            reason = "the text is not closed" if quoted else f"unexpected {text[position]!r}"
            raise FilterError(reason, position)
        yield _Token(found.lastgroup, found.group(), position)
        position = _end_of_space(text, found.end())
    yield _Token(None, "", position)


def _end_of_space(text: str, start: int) -> int:
    found = _SPACE.match(text, start)
    return found.end() if found else start


@dataclass
class _Parser:
    text: str

    def __post_init__(self) -> None:
        self._rest = _tokens(self.text)
        self._next = next(self._rest)
        self._values = self._searches = 0

    def parse(self) -> Expression:
        expression = self._either(0)
        if self._next.kind:
            raise self._expected("and, or, or the end")
        return expression

    def _either(self, depth: int) -> Expression:
        parts = self._joined("or", lambda: self._both(depth))
        return parts[0] if len(parts) == 1 else Either(parts)

    def _both(self, depth: int) -> Expression:
        parts = self._joined("and", lambda: self._negation(depth))
        return parts[0] if len(parts) == 1 else Both(parts)

    def _joined(self, word: str, part: Callable[[], Expression]) -> tuple[Expression, ...]:
        parts = [part()]
        while self._take(word):
            parts.append(part())
        return tuple(parts)

    def _negation(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise FilterError(f"nested deeper than {MAX_DEPTH} levels", self._next.position)
        if self._take("not"):
            return Not(self._negation(depth + 1))
        if not self._take("("):
            return self._term()
        inner = self._either(depth + 1)
        self._need(")")
        return inner

    def _term(self) -> Term:
        field = self._field()
        known = OPERATORS[field.name]
        if field.name == "hidden" and self._next.word not in (*known, "=="):
            return Term(field, "=", (True,))
        operator = {"==": "=", "starts": "starts with"}.get(self._next.word, self._next.word)
        if operator not in known:
            raise self._expected(f"{' or '.join(known)} after {field}")
        self._advance()
        if operator == "starts with":
            self._need("with")
        return Term(field, operator, self._operands(field, operator))

    def _field(self) -> Field:
        name, dot, key = self._next.text.partition(".")
        name = name.lower()
        if self._next.kind != "name" or name in ("and", "or"):
            raise self._expected(f"a field ({_KNOWN})")
        if name not in (*OPERATORS, "label") or (dot and name not in ("label", "labels")):
            known = f"unknown field {self._next}; known: {_KNOWN}"
            raise FilterError(known, self._next.position)
        self._advance()
        if name not in ("label", "labels"):
            return Field(name)
        if not key and self._next.kind != "text":
            raise self._expected('the key of the label, as in labels.year or label "year"')
        return Field("labels", key or _unquoted(self._advance().text))

    def _operands(self, field: Field, operator: str) -> tuple[Value, ...]:
        if operator != "in":
            return (self._value(field, operator),)
        self._need("[")
        values = [self._value(field, operator)]
        while self._take(","):
            values.append(self._value(field, operator))
        self._need("]")
        return tuple(values)

    def _value(self, field: Field, operator: str) -> Value:
        token, value = self._next, _literal(self._next)
        self._values += 1
        self._searches += operator in _SEARCHES
        if self._values > MAX_VALUES:
            raise FilterError(f"more than {MAX_VALUES} values", token.position)
        if self._searches > MAX_SEARCHES:
            told = f"more than {MAX_SEARCHES} times contains or starts with"
            raise FilterError(told, token.position)
        fits, wanted = VALUES["text" if operator in _SEARCHES else field.name]
        if value is None or not fits(value):
            raise self._expected(f"{wanted} after {field} {operator}")
        self._advance()
        return value

    def _take(self, word: str) -> bool:
        found = self._next.word == word
        if found:
            self._advance()
        return found

    def _need(self, word: str) -> None:
        if not self._take(word):
            raise self._expected(word)

    def _advance(self) -> _Token:
        taken = self._next
        self._next = next(self._rest)
        return taken

    def _expected(self, what: str) -> FilterError:
        return FilterError(f"expected {what}, found {self._next}", self._next.position)


def _literal(token: _Token) -> Value | None:
    if token.kind == "text":
        return _unquoted(token.text)
    if token.kind == "number":
        number = float(token.text)
        return number if isfinite(number) else None
    return {"true": True, "false": False}.get(token.word)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
