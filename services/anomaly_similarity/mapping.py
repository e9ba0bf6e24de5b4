"""Which column of a file tells which field of an anomaly: `field=column`; `field:=value` for all rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

SINGLE = (
    "anomaly_id",
    "description",
    "severity",
    "timestamp",
    "recommended_product",
    "solution",
    "outcome",
)
LISTS = (
    "component_ids",
    "user_names",
)  # of several columns; a cell may hold several, with ; between
ATTRIBUTES = "attributes"  # `attributes=column`, or `attributes.name=column`
MAX_PAIRS = 100


class ImportRefused(Exception):
    """The file as a whole cannot be imported; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A field, the name in it (for attributes alone), and its column, or its value in all rows."""

    field: str
    name: str
    column: str | None = None
    value: str = ""


def parse(words: Sequence[str]) -> list[Pair]:
    """Return the mapping that words such as `description=OriginalShorttext` say.

    Raises:
        ImportRefused: an unknown field, one that is told twice, or no description.
    """
    if len(words) > MAX_PAIRS:
        raise ImportRefused(f"A mapping has at most {MAX_PAIRS} columns.")
    pairs = [_pair(word) for word in words]
    told = Counter((pair.field, pair.name) for pair in pairs if pair.field not in LISTS)
    twice = sorted(".".join(filter(None, each)) for each, count in told.items() if count > 1)
    if twice:
        raise ImportRefused(f"Mapped more than once: {', '.join(twice)}.")
    if not told["description", ""]:
        raise ImportRefused("Map the description: description=<column>.")
    return pairs


def _pair(word: str) -> Pair:
    field, equals, told = word.partition("=")
    fixed = field.endswith(":")
    field, dot, name = field.removesuffix(":").partition(".")
    if not equals or not told:
        raise ImportRefused(f"'{word}' does not read <field>=<column>, or <field>:=<value>.")
    if (dot and field != ATTRIBUTES) or field not in (*SINGLE, *LISTS, ATTRIBUTES):
        known = ", ".join((*SINGLE, *LISTS, ATTRIBUTES))
        raise ImportRefused(f"'{word}': there is no such field. Known are {known}.")
    if fixed and field == ATTRIBUTES and not dot:
        raise ImportRefused(f"'{word}' does not read attributes.<name>:=<value>.")
    if fixed:
        return Pair(field, name, value=told)
    return Pair(field, name or (told if field == ATTRIBUTES else ""), told)
