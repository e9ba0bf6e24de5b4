"""A filter as clients send it, in a query or a body: refused where it does not parse."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from services.recommendations.filter_grammar import MAX_LENGTH
from services.recommendations.filters import FilterError, compile_filter


def _parses(text: str) -> str:
    try:
        compile_filter(text)
    except FilterError as error:
        told = {"reason": str(error), "position": error.position}
        raise PydanticCustomError("filter_invalid", "{reason}", told) from error
    return text


FilterText = Annotated[
    str,
    # Any characters but for the one that PostgreSQL cannot store.
    StringConstraints(min_length=1, max_length=MAX_LENGTH, pattern=r"^[^\x00]*$"),
    AfterValidator(_parses),
    Field(
        description="An expression over an item's fields: item_id, title, genres, hidden, published_at, "
        'year, labels.<key>, with = != < <= > >=, `has "…"` (genres), `in […]`, `contains "…"`, '
        '`starts with "…"`, joined by and, or, not and parentheses.',
        examples=['genres has "Comedy" and year >= 1990'],
    ),
]
