"""What clients send to the event collector, and get back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from services.messages.types import Kind
from services.web.schemas import Id, Schema, Time, same_length

MAX_ENTRIES = 1_000  # reactions in one request, as in one message of the broker

Entries = Annotated[list[Id], Field(min_length=1, max_length=MAX_ENTRIES)]


class Interact(Schema):
    """One person's reactions to items: the two lists belong together, entry by entry."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"user_id": "ada", "item_ids": ["1", "16"], "actions": ["like", "dislike"]},
            ]
        }
    )

    user_id: Id
    item_ids: Entries
    actions: Annotated[
        list[Literal["like", "dislike"]], Field(min_length=1, max_length=MAX_ENTRIES)
    ]
    timestamp: Time | None = None
    event_ids: Annotated[list[Id] | None, Field(min_length=1, max_length=MAX_ENTRIES)] = None

    # Field by field, so that a mistake names its field and hides no other one.
    @field_validator("actions")
    @classmethod
    def _one_each(cls, actions: list[str], info: ValidationInfo) -> list[str]:
        return same_length(actions, info, "item_ids")

    @field_validator("event_ids")
    @classmethod
    def _one_id_each(cls, event_ids: list[str] | None, info: ValidationInfo) -> list[str] | None:
        if event_ids is None:
            return None
        _distinct(event_ids)
        return same_length(event_ids, info, "item_ids")


class EventIn(Schema):
    """One reaction of one person to one item."""

    event_id: Id | None = None
    user_id: Id
    item_id: Id
    kind: Kind
    value: Annotated[float | None, Field(ge=0, le=5)] = None
    timestamp: Time | None = None
    recommendation_id: Id | None = None

    @model_validator(mode="after")
    def _valued(self) -> Self:
        if (self.kind == "rating") != (self.value is not None):
            raise ValueError("a rating, and only a rating, carries a value")
        return self


class Events(Schema):
    """A batch of reactions. One that does not fit refuses the whole batch."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "events": [
                        {"user_id": "ada", "item_id": "1", "kind": "rating", "value": 4.5},
                        {"user_id": "ada", "item_id": "16", "kind": "skip"},
                    ]
                }
            ]
        }
    )

    events: Annotated[list[EventIn], Field(min_length=1, max_length=MAX_ENTRIES)]

    @field_validator("events")
    @classmethod
    def _once_each(cls, events: list[EventIn]) -> list[EventIn]:
        _distinct([event.event_id for event in events])
        return events


class Verdict(Schema):
    """What one operator says of a past case that was shown as similar to an anomaly."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "anomaly_id": "wo-7",
                    "similar_anomaly_id": "wo-1",
                    "user_name": "ada",
                    "useful": True,
                    "solved": True,
                },
            ]
        }
    )

    event_id: Id | None = None
    anomaly_id: Id
    similar_anomaly_id: Id
    user_name: Id
    useful: bool = Field(description="Whether the case helps. One that does not is shown no more.")
    solved: bool | None = Field(
        default=None,
        description="Whether what was done in that case solved it here too; for who has tried it.",
    )
    task_result_id: Id | None = Field(default=None, description="The answer that showed the case.")

    @field_validator("similar_anomaly_id")
    @classmethod
    def _another(cls, similar_anomaly_id: str, info: ValidationInfo) -> str:
        if similar_anomaly_id == info.data.get("anomaly_id"):
            raise ValueError("must be another one than anomaly_id")
        return similar_anomaly_id


def _distinct(event_ids: Sequence[str | None]) -> None:
    first: dict[str, int] = {}
    repeated = [
        index
        for index, event_id in enumerate(event_ids)
        if event_id is not None and first.setdefault(event_id, index) != index
    ]
    if repeated:
        places = ", ".join(map(str, repeated))
        raise ValueError(f"event ids must be distinct; repeated at {places}")


class Accepted(Schema):
    """How many events are durable now."""

    accepted: int = Field(examples=[2])


class AcceptedEvents(Accepted):
    """How many events are durable now, and under which ids, in the order they were sent."""

    event_ids: list[str] = Field(examples=[["0193…a1", "0193…a2"]])
