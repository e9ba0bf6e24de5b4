"""The types of events, as frozen dataclasses: past tense, because each states a fact.

`TYPES` is the whole list. `docs/asyncapi.yaml` describes the same types for other programs, and a test
holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["like", "dislike", "view", "rating", "purchase", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InteractionRecorded:
    """A person reacted to an item. The event's id is the interaction's id."""

    user_id: str
    item_id: str
    kind: Kind
    occurred_at: datetime
    value: float | None = None  # a rating's 0..5; None for every other kind
    recommendation_id: str | None = None  # the list on which the person saw the item


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemChanged:
    """Items of the catalogue were added, changed or deleted."""

    item_ids: tuple[str, ...]
    change: Literal["upserted", "deleted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPublished:
    """An alias of a model points to another version."""

    name: str
    version: str
    alias: str = "champion"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformCleaned:
    """Everything of the workspace that was recorded before `cleaned_at` is gone, for good."""

    cleaned_at: datetime


Message = InteractionRecorded | ItemChanged | ModelPublished | PlatformCleaned

TYPES: dict[str, type[Message]] = {
    "interaction.recorded": InteractionRecorded,
    "item.changed": ItemChanged,
    "model.published": ModelPublished,
    "platform.cleaned": PlatformCleaned,
}
NAMES: dict[type[Message], str] = {message: name for name, message in TYPES.items()}
