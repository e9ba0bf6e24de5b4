from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.web.schemas import EARLIEST, LATEST, Id, Schema, Time

ids: TypeAdapter[str] = TypeAdapter(Id)
times: TypeAdapter[datetime] = TypeAdapter(Time)

NAIVE = {"min_value": datetime(1970, 1, 2), "max_value": datetime(9998, 12, 30)}  # noqa: DTZ001
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


class Strict(Schema):
    name: Id
    number: float = 0
    count: int = 0
    flag: bool = False


@given(st.datetimes(**NAIVE, timezones=ZONES))
def test_a_time_with_an_offset_becomes_utc(moment: datetime) -> None:
    for text in (moment.isoformat(), moment.isoformat(sep=" "), moment.isoformat().lower()):
        read = times.validate_python(text)
        assert read == moment
        assert read.tzinfo is UTC


@given(st.integers(0, int(LATEST.timestamp()) - 1) | st.floats(0, 4e9))
def test_epoch_seconds_are_seconds_however_many(seconds: float) -> None:
    assert times.validate_python(seconds) == datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31T12:00:00",
        "2026-01-31",
        "20260131",
        "1700000000",
        "-5",
        "",
        "now",
        "2026-02-30T00:00:00Z",
        "2026-01-31T12:00:00+25:00",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+14:00",
        "9999-06-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        -1,
        LATEST.timestamp(),
        1e300,
        math.nan,
        math.inf,
        True,
        None,
        [],
    ],
)
def test_other_times_are_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        times.validate_python(value)


def test_a_time_in_json_may_be_either() -> None:
    assert times.validate_json('"1970-01-01T01:00:00+01:00"') == EARLIEST
    assert times.validate_json("0") == EARLIEST


@given(st.text(max_size=250))
def test_an_id_is_1_to_200_printable_characters(text: str) -> None:
    control = any(ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u2028\u2029" for c in text)
    try:
        assert ids.validate_python(text) == text
        valid = True
    except ValidationError:
        valid = False
    assert valid is (1 <= len(text) <= 200 and not control)


@pytest.mark.parametrize("text", ["\x00", "a\n", "\ud800", "\x7f", "x" * 201])
def test_such_ids_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        ids.validate_python(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"colour": "red"},
        {"name": 7},
        {"name": None},
        {"number": "1"},
        {"number": math.nan},
        {"number": math.inf},
        {"number": True},
        {"count": 1.5},
        {"count": "1"},
        {"flag": 1},
        {"flag": "yes"},
    ],
)
def test_unknown_fields_and_other_types_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Strict.model_validate({"name": "a"} | changes)
    assert Strict.model_validate({"name": "a", "number": 1}).number == 1.0
