"""What clients send about items and models, and get back; and the types that all routes share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Path
from pydantic import ConfigDict, Field, StringConstraints, ValidationInfo, field_validator
from pydantic.config import JsonDict

from services.web.schemas import PRINTABLE, Id, Schema, Time, same_length

MAX_ITEMS = 10_000  # items in one request; more would not fit into the body's limit
MAX_HISTORY = 1_000  # ratings in one request
MAX_USERS = 1_000  # in one batch
MAX_EXCLUDED = 1_000  # ids in one body
MAX_GENRES = 50  # genres or labels of one item

LIST_ID, VERSION = "0193f2a15c7e0b4d9f31c2a07be45d88", "9f86d081884c7d65"  # in examples

# Any characters, line breaks too, but for the one that PostgreSQL cannot store.
Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
Genre = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=PRINTABLE)]
Genres = Annotated[list[Genre], Field(max_length=MAX_GENRES)]
Limit = Annotated[int, Field(ge=1, le=100)]
Diversity = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, examples=[0.3])]
UserId = Annotated[Id, Path(examples=["ada"])]
ModelName = Annotated[Id, Path(examples=["recommendations"])]


class AddItems(Schema):
    """Items for the catalogue: lists that belong together, entry by entry."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "item_ids": ["heat-1995", "clueless-1995"],
                    "genres": [["Action", "Crime"], ["Comedy", "Romance"]],
                    "titles": ["Heat (1995)", "Clueless (1995)"],
                }
            ]
        }
    )

    item_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_ITEMS)]
    genres: Annotated[list[Genres], Field(min_length=1, max_length=MAX_ITEMS)]
    titles: Annotated[list[Text], Field(max_length=MAX_ITEMS)] | None = None

    @field_validator("genres", "titles")
    @classmethod
    def _one_each(cls, values: list[Any] | None, info: ValidationInfo) -> list[Any] | None:
        return None if values is None else same_length(values, info, "item_ids")


class ItemsAdded(Schema):
    """How many items are new, and how many were there."""

    added: int = Field(examples=[2])
    updated: int = Field(examples=[0])


class ItemBody(Schema):
    """What is known of an item. What is left out is emptied."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"title": "Heat (1995)", "genres": ["Action"], "labels": {"year": "1995"}},
            ]
        }
    )

    title: Text | None = None
    genres: Genres = []
    # pydantic checks the keys, but does not say in JSON Schema that no others are allowed.
    labels: Annotated[
        dict[Genre, Text],
        Field(
            max_length=MAX_GENRES,
            json_schema_extra={"additionalProperties": False, "propertyNames": {"maxLength": 100}},
        ),
    ] = {}
    published_at: Time | None = None
    hidden: bool = False


def _without_defaults(schema: JsonDict) -> None:
    """A client that fills in defaults would empty what is to stay."""
    properties = schema.get("properties")
    for each in properties.values() if isinstance(properties, dict) else ():
        if isinstance(each, dict):
            each.pop("default", None)
    schema["examples"] = [{"hidden": True}]


class ItemPatch(ItemBody):
    """What shall be different of an item. What is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


class ItemOut(Schema):
    """An item of the catalogue."""

    item_id: str = Field(examples=["heat-1995"])
    title: str | None = Field(examples=["Heat (1995)"])
    genres: list[str] = Field(examples=[["Action", "Crime"]])
    labels: dict[str, str] = Field(examples=[{"year": "1995"}])
    published_at: datetime | None = Field(examples=["1995-12-15T00:00:00Z"])
    hidden: bool


class ItemPage(Schema):
    """A page of items; `cursor` leads to the next one, None ends."""

    items: list[ItemOut]
    cursor: str | None


class AliasMove(Schema):
    """Since `at` the model is served in this version."""

    version: str = Field(examples=[VERSION])
    generation: int = Field(examples=[3])
    reason: str
    at: datetime


class ModelVersion(Schema):
    """One version of a model."""

    version: str = Field(examples=[VERSION])
    created_at: datetime
    kind: str | None
    metrics: dict[str, Any]
    data: dict[str, Any]


class ModelOut(Schema):
    """A model: which version is served, which there were, and which there are."""

    name: str = Field(examples=["recommendations"])
    champion: AliasMove | None
    history: list[AliasMove]
    versions: list[ModelVersion]


class Rollback(Schema):
    """Which version to go back to; the one before when none is named."""

    version: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")] | None = Field(
        default=None, examples=[VERSION]
    )


class Cleaned(Schema):
    """The workspace is empty."""

    message: str = Field(examples=["Everything of this workspace is gone."])
