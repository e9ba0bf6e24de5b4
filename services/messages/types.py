"""The types of events, frozen: past tense, because each states a fact.

msgspec's structs and not dataclasses: a frozen dataclass takes 2.3 µs to make, a frozen struct 0.16, and
each event is made twice on its way (docs/benchmarks.md).

`TYPES` is the whole list. `docs/asyncapi.json` describes the same types for other programs, and a test
holds the two together.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

# As everywhere in the contract, and in the tables: what does not fit is refused where it is decoded.
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Kind = Literal["like", "dislike", "view", "rating", "purchase", "skip"]
Ids = Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=1_000)]
MAX_POINTS = 256  # of a shape: four times what it is compared at, and 5 MB at most in a full batch
MAX_CHANNELS = 100  # of one anomaly; a machine has tens


class AnomalyChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Anomalies were recorded, changed or deleted."""

    anomaly_ids: Ids
    change: Literal["upserted", "deleted"]


class AnomalyDetected(msgspec.Struct, frozen=True, kw_only=True):
    """A detector found an anomaly in measurements. Told once for each anomaly, when it has ended."""

    anomaly_id: Id
    series: Id
    # Those that deviate, the strongest first.
    channels: Annotated[tuple[Id, ...], msgspec.Meta(min_length=1, max_length=MAX_CHANNELS)]
    began_at: Moment
    ended_at: Moment
    detector: Id
    severity: str | None = None
    description: str | None = None  # None: made of series, channels and interval
    # The first channel in the interval and around it, at even steps; None where there was no value. One
    # channel: machines have other channels each, so that several could not be compared.
    shape: Annotated[tuple[float | None, ...], msgspec.Meta(max_length=MAX_POINTS)] | None = None
    attributes: dict[str, str | int | float | bool] = {}


class InteractionRecorded(msgspec.Struct, frozen=True, kw_only=True):
    """A person reacted to an item. The event's id is the interaction's id."""

    user_id: Id
    item_id: Id
    kind: Kind
    occurred_at: Moment
    value: float | None = None  # a rating's 0..5; None for every other kind
    recommendation_id: Id | None = None  # the list on which the person saw the item


class ItemChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Items of the catalogue were added, changed or deleted."""

    item_ids: tuple[str, ...]
    change: Literal["upserted", "deleted"]


class ModelPublished(msgspec.Struct, frozen=True, kw_only=True):
    """An alias of a model points to another version."""

    name: str
    version: str
    alias: str = "champion"


class PlatformCleaned(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of the workspace that was recorded before `cleaned_at` is gone, for good."""

    cleaned_at: Moment


class SimilarityRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody asks which past anomalies are similar to one; the question is stored under this id."""

    task_result_id: Id


class SimilarityComputed(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a question for similar anomalies is stored, or why there is none."""

    task_result_id: Id
    anomaly_id: Id
    user_name: Id
    status: Literal["done", "failed"]


class UserErased(msgspec.Struct, frozen=True, kw_only=True):
    """A person asked to be forgotten: whatever they did or were shown by `requested_at` is to go, for good."""

    user_id: Id
    requested_at: Moment


class VerdictRecorded(msgspec.Struct, frozen=True, kw_only=True):
    """An operator judged a case that was shown for an anomaly. The event's time is the verdict's."""

    anomaly_id: Id
    similar_anomaly_id: Id
    user_name: Id
    useful: bool
    solved: bool | None = (
        None  # what was done then was done again, and solved it or not; None: not told
    )
    task_result_id: Id | None = None  # the answer that showed the case


Message = (
    AnomalyChanged
    | AnomalyDetected
    | InteractionRecorded
    | ItemChanged
    | ModelPublished
    | PlatformCleaned
    | UserErased
    | SimilarityComputed
    | SimilarityRequested
    | VerdictRecorded
)

TYPES: dict[str, type[Message]] = {
    "anomaly.changed": AnomalyChanged,
    "anomaly.detected": AnomalyDetected,
    "interaction.recorded": InteractionRecorded,
    "item.changed": ItemChanged,
    "model.published": ModelPublished,
    "platform.cleaned": PlatformCleaned,
    "similarity.computed": SimilarityComputed,
    "similarity.requested": SimilarityRequested,
    "user.erased": UserErased,
    "verdict.recorded": VerdictRecorded,
}
NAMES: dict[type[Message], str] = {message: name for name, message in TYPES.items()}
