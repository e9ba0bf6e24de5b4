"""What all schemas share: strict models, ids, times, the error body."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)

MAX_ID = 200  # characters of any id
# Printable: no control characters, no line or paragraph separators.
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]+$"
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 1, 1, tzinfo=UTC)  # a year of slack, so that no time zone overflows


Responses = dict[int | str, dict[str, Any]]  # the `responses` of a route


class Schema(BaseModel):
    """A body of the contract: unknown fields, other types, NaN and infinities are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


Id = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_ID, pattern=PRINTABLE),
    Field(examples=["heat-1995"]),
]


_DATE_AND_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d", re.ASCII)


def _moment(value: object) -> object:
    # Not left to pydantic: it takes "20261010" for seconds, and large numbers for milliseconds.
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value.upper() if _DATE_AND_TIME.match(value) else "")
        except ValueError:
            raise ValueError(
                "must be RFC 3339, such as 2026-01-31T12:00:00Z, or epoch seconds"
            ) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if not 0 <= value < LATEST.timestamp():
        raise ValueError("epoch seconds must lie between 1970 and 9999")
    return datetime.fromtimestamp(value, UTC)


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("must carry an offset, such as 2026-01-31T12:00:00Z")
    if not EARLIEST <= value < LATEST:
        raise ValueError("must lie between 1970 and 9999")
    return value.astimezone(UTC)


Time = Annotated[
    datetime,
    BeforeValidator(_moment),
    AfterValidator(_in_utc),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "format": "date-time"},
                {"type": "number", "minimum": 0, "exclusiveMaximum": LATEST.timestamp()},
            ],
            "examples": ["2026-01-31T12:00:00Z"],
        }
    ),
]


def same_length(values: list[Any], info: ValidationInfo, other: str) -> list[Any]:
    """Return `values` if the field `other`, declared before, is as long; for field validators."""
    beside = info.data.get(other)  # missing when it is wrong itself
    if beside is not None and len(beside) != len(values):
        raise ValueError(f"must have as many entries as {other}: {len(beside)}, not {len(values)}")
    return values


class ErrorDetail(BaseModel):
    """One thing that is wrong."""

    field: str | None = None
    message: str
    type: str | None = None
    index: int | None = None
    position: int | None = None


class Error(BaseModel):
    """What went wrong, for programs (`code`) and for people (`message`)."""

    code: str = Field(examples=["item_not_found"])
    message: str = Field(examples=["Item 'x' does not exist."])
    details: list[ErrorDetail] = []
    request_id: str | None = None


class ErrorBody(BaseModel):
    """The one error body of every service."""

    error: Error


class Health(BaseModel):
    """Whether the process lives and what it depends on answers."""

    status: str = Field(examples=["ok"])
    checks: dict[str, str] = Field(examples=[{"database": "ok", "broker": "ok"}])
