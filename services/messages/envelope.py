"""The envelope: CloudEvents 1.0, in JSON, in batches.

Source: CloudEvents 1.0.2, §3 (context attributes) and the JSON event format §4 (JSON batch format).
Extensions: `workspace` (the tenant) and `requestid` (the HTTP request that caused the event).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

import msgspec

from services.messages.types import NAMES, TYPES, Message

CONTENT_TYPE = "application/cloudevents-batch+json"
MAX_BATCH = (
    1_000  # events in one message: about 300 kB, far below the broker's limit for one message
)
MAX_ID = 200  # characters in an id, as everywhere in the contract


class InvalidBatch(ValueError):
    """The bytes are not a batch of known events; the sentence says where and why."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One fact, with who says it (`source`), when it was accepted (`time`) and for which tenant."""

    id: str
    source: str
    time: datetime
    workspace: str
    data: Message
    request_id: str | None = None

    @property
    def type(self) -> str:
        """The CloudEvents type, such as `interaction.recorded`; also the routing key."""
        return NAMES[type(self.data)]


class _Envelope(msgspec.Struct, kw_only=True, omit_defaults=True):
    specversion: str
    id: str
    source: str
    type: str
    time: datetime
    workspace: str
    data: msgspec.Raw
    requestid: str | None = None
    datacontenttype: str = "application/json"


class _Outgoing(msgspec.Struct, kw_only=True, omit_defaults=True):
    # `specversion` has no default: a field that equals its default is left out of the JSON.
    specversion: str
    id: str
    source: str
    type: str
    time: datetime
    workspace: str
    data: Message
    requestid: str | None = None


_encoder = msgspec.json.Encoder()
_envelopes = msgspec.json.Decoder(list[_Envelope])


@cache
def _payload(type_name: str) -> msgspec.json.Decoder[Message]:
    return msgspec.json.Decoder(TYPES[type_name])


def encode(events: Sequence[Event]) -> bytes:
    """Return the CloudEvents JSON batch of 1..`MAX_BATCH` events.

    Raises:
        ValueError: the batch is empty or too long.
    """
    if not 1 <= len(events) <= MAX_BATCH:
        raise ValueError(f"A batch holds 1 to {MAX_BATCH} events, not {len(events)}.")
    return _encoder.encode([_outgoing(event) for event in events])


def _outgoing(event: Event) -> _Outgoing:
    return _Outgoing(
        specversion="1.0",
        id=event.id,
        source=event.source,
        type=event.type,
        time=event.time,
        workspace=event.workspace,
        data=event.data,
        requestid=event.request_id,
    )


def decode(body: bytes) -> list[Event]:
    """Return the events of a CloudEvents JSON batch.

    Raises:
        InvalidBatch: not JSON, not a batch, an unknown type, or data that does not fit its type.
    """
    try:
        envelopes = _envelopes.decode(body)
    except msgspec.MsgspecError as error:
        raise InvalidBatch(f"Not a CloudEvents batch: {error}.") from error
    except UnicodeDecodeError as error:
        raise InvalidBatch("Not a CloudEvents batch: not UTF-8.") from error
    if not 1 <= len(envelopes) <= MAX_BATCH:
        raise InvalidBatch(f"A batch holds 1 to {MAX_BATCH} events, not {len(envelopes)}.")
    return [_event(index, envelope) for index, envelope in enumerate(envelopes)]


def _event(index: int, envelope: _Envelope) -> Event:
    if envelope.specversion != "1.0" or envelope.type not in TYPES:
        raise InvalidBatch(
            f"Event {index}: unknown type '{envelope.type}', version '{envelope.specversion}'."
        )
    if not 1 <= len(envelope.id) <= MAX_ID or envelope.time.tzinfo is None:
        raise InvalidBatch(f"Event {index}: needs an id of 1..{MAX_ID} characters and a time zone.")
    try:
        data = _payload(envelope.type).decode(envelope.data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidBatch(f"Event {index} ({envelope.type}): {error}.") from error
    return Event(
        id=envelope.id,
        source=envelope.source,
        time=envelope.time,
        workspace=envelope.workspace,
        data=data,
        request_id=envelope.requestid,
    )
