"""Properties of the envelope: what goes in comes out, and nothing else passes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.messages.envelope import MAX_BATCH, MAX_ID, Event, InvalidBatch, decode, encode
from services.messages.types import (
    NAMES,
    TYPES,
    AnomalyChanged,
    AnomalyDetected,
    InteractionRecorded,
    ItemChanged,
    Kind,
    ModelPublished,
    PlatformCleaned,
    UserErased,
    VerdictRecorded,
)

texts = st.text(max_size=50)
ids = st.text(min_size=1, max_size=MAX_ID)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(
    datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis takes bounds without a zone
    datetime(9998, 1, 1),  # noqa: DTZ001
    timezones=zones,
)

interactions = st.builds(
    InteractionRecorded,
    user_id=ids,
    item_id=ids,
    kind=st.sampled_from(get_args(Kind)),
    occurred_at=moments,
    value=st.none() | st.floats(0, 5),
    recommendation_id=st.none() | ids,
)
changes = st.builds(
    ItemChanged,
    item_ids=st.lists(ids, max_size=5).map(tuple),
    change=st.sampled_from(["upserted", "deleted"]),
)
published = st.builds(ModelPublished, name=texts, version=texts, alias=texts)
cleaned = st.builds(PlatformCleaned, cleaned_at=moments)
erased = st.builds(UserErased, user_id=ids, requested_at=moments)
some_ids = st.lists(ids, min_size=1, max_size=5).map(tuple)
anomalies = st.builds(
    AnomalyChanged, anomaly_ids=some_ids, change=st.sampled_from(["upserted", "deleted"])
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
values = texts | st.integers(-(2**53), 2**53) | numbers | st.booleans()
detected = st.builds(
    AnomalyDetected,
    anomaly_id=ids,
    series=ids,
    channels=some_ids,
    began_at=moments,
    ended_at=moments,
    detector=ids,
    severity=st.none() | texts,
    description=st.none() | texts,
    shape=st.none() | st.lists(st.none() | numbers, max_size=5).map(tuple),
    attributes=st.dictionaries(texts, values, max_size=3),
)
verdicts = st.builds(
    VerdictRecorded,
    anomaly_id=ids,
    similar_anomaly_id=ids,
    user_name=ids,
    useful=st.booleans(),
    solved=st.none() | st.booleans(),
    task_result_id=st.none() | ids,
)
events = st.builds(
    Event,
    id=ids,
    source=texts,
    time=moments,
    workspace=texts,
    data=st.one_of(
        interactions, changes, published, cleaned, erased, anomalies, detected, verdicts
    ),
    request_id=st.none() | texts,
)


def event(**changes: Any) -> Event:
    data = InteractionRecorded(
        user_id="ada", item_id="a", kind="like", occurred_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    given = {"id": "e1", "source": "/s", "time": data.occurred_at, "workspace": "w", "data": data}
    return Event(**(given | changes))


def spoiled(**changes: Any) -> bytes:
    """Return a batch of one event with other attributes; None takes one away."""
    (told,) = json.loads(encode([event()]))
    told |= changes
    return json.dumps([{k: v for k, v in told.items() if v is not None}]).encode()


@given(st.lists(events, min_size=1, max_size=5))
def test_every_event_comes_back_as_it_was(batch: list[Event]) -> None:
    assert decode(encode(batch)) == batch


@given(st.lists(events, min_size=1, max_size=3))
def test_every_event_has_the_required_attributes_of_cloudevents_1_0(batch: list[Event]) -> None:
    """CloudEvents 1.0.2, §3.1 and the JSON format §4: id, source, specversion, type as strings."""
    told = json.loads(encode(batch))
    assert isinstance(told, list)
    for attributes, each in zip(told, batch, strict=True):
        assert attributes["specversion"] == "1.0"
        assert attributes["id"] == each.id
        assert attributes["source"] == each.source
        assert attributes["type"] == NAMES[type(each.data)]
        assert datetime.fromisoformat(attributes["time"]) == each.time
        assert attributes["workspace"] == each.workspace
        assert isinstance(attributes["data"], dict)
        assert all(name.isalnum() and name.islower() for name in attributes)  # §3.1, naming


@given(st.binary(max_size=300))
@example(b"")
@example(b"[]")
@example(b"[{}]")
@example(b"\xff")
@example(b'[{"id":"\xff"}]')
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
def test_any_bytes_give_events_or_invalid_batch(body: bytes) -> None:
    try:
        decode(body)
    except InvalidBatch:
        return


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=10,
)
attributes = st.dictionaries(
    st.sampled_from(
        ["specversion", "id", "source", "type", "time", "workspace", "data", "requestid"]
    ),
    json_values | st.sampled_from(["1.0", *TYPES, "2026-01-01T00:00:00Z"]),
)


@given(attributes)
@settings(max_examples=300)
def test_any_json_gives_events_or_invalid_batch(changes: dict[str, Any]) -> None:
    (told,) = json.loads(encode([event()]))
    try:
        decode(json.dumps([told | changes]).encode())
    except InvalidBatch:
        return


@given(st.lists(events, min_size=1, max_size=2), st.data())
def test_a_batch_that_was_cut_is_invalid(batch: list[Event], data: st.DataObject) -> None:
    body = encode(batch)
    with pytest.raises(InvalidBatch):
        decode(body[: data.draw(st.integers(0, len(body) - 1))])


@pytest.mark.parametrize(
    "changes",
    [
        {"specversion": "0.3"},
        {"specversion": None},
        {"type": "anomaly.forgotten"},
        {"type": None},
        {"id": ""},
        {"id": "x" * (MAX_ID + 1)},
        {"id": None},
        {"source": None},
        {"workspace": None},
        {"time": "2026-01-01T00:00:00"},
        {"time": "yesterday"},
        {"data": None},
        {"data": {}},
        {"data": []},
        {
            "data": {
                "user_id": "a",
                "item_id": "b",
                "kind": "adore",
                "occurred_at": "2026-01-01T00:00:00Z",
            }
        },
        {
            "data": {
                "user_id": 1,
                "item_id": "b",
                "kind": "like",
                "occurred_at": "2026-01-01T00:00:00Z",
            }
        },
        {"type": "item.changed"},
    ],
)
def test_a_wrong_attribute_is_named_in_the_error(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidBatch, match=r"Event 0|Not a CloudEvents batch"):
        decode(spoiled(**changes))


def test_a_naive_time_in_the_data_is_invalid() -> None:
    """A time without a zone would fail in the database, far from whoever sent it."""
    for name, data in (
        (
            "interaction.recorded",
            {"user_id": "a", "item_id": "b", "kind": "like", "occurred_at": "2026-01-01T00:00:00"},
        ),
        ("platform.cleaned", {"cleaned_at": "2026-01-01T00:00:00"}),
    ):
        with pytest.raises(InvalidBatch):
            decode(spoiled(type=name, data=data))


@pytest.mark.parametrize("name", ["user_id", "item_id", "recommendation_id"])
@pytest.mark.parametrize("wrong", ["", "x" * 201])
def test_an_id_that_no_table_takes_is_invalid(name: str, wrong: str) -> None:
    data = {
        "user_id": "a",
        "item_id": "b",
        "kind": "like",
        "occurred_at": "2026-01-01T00:00:00Z",
    }
    with pytest.raises(InvalidBatch):
        decode(spoiled(data=data | {name: wrong}))


def test_unknown_attributes_and_fields_of_a_newer_release_are_let_pass() -> None:
    (told,) = json.loads(encode([event()]))
    told["traceparent"] = "00-…"
    told["data"]["mood"] = "good"
    assert decode(json.dumps([told]).encode()) == [event()]


@pytest.mark.parametrize("count", [0, MAX_BATCH + 1])
def test_a_batch_holds_1_to_1000_events(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 1000 events"):
        encode([event()] * count)
    body = b"[" + b",".join([encode([event()])[1:-1]] * count) + b"]"
    with pytest.raises(InvalidBatch, match="1 to 1000 events"):
        decode(body)


def test_a_full_batch_comes_back() -> None:
    batch = [event(id=str(n)) for n in range(MAX_BATCH)]
    assert decode(encode(batch)) == batch


def test_every_type_has_a_name_of_its_own() -> None:
    assert {NAMES[message]: message for message in NAMES} == TYPES
