"""What clients ask of lists, and get: lists, histories, explanations, what is similar and popular."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from services.messages.types import Kind
from services.recommendations.filter_text import FilterText
from services.recommendations.schemas import (
    LIST_ID,
    MAX_EXCLUDED,
    MAX_HISTORY,
    MAX_USERS,
    VERSION,
    Diversity,
    Genre,
    Limit,
)
from services.web.schemas import Id, Schema


class Recommended(Schema):
    """One place of a list."""

    item_id: str = Field(examples=["heat-1995"])
    title: str | None = Field(examples=["Heat (1995)"])
    score: float = Field(examples=[1.25])
    source: Literal["model", "exploration", "popular", "fallback", "rule"]
    reason: str = Field(examples=["Because you liked Casino (1995)."])


class RecommendationList(Schema):
    """A list for a user."""

    item_ids: list[str] = Field(examples=[["heat-1995"]])
    items: list[Recommended]
    recommendation_id: str = Field(examples=[LIST_ID])
    model_version: str | None = Field(examples=[VERSION])
    experiment: str | None = Field(
        examples=[None], description="The experiment that the user is in."
    )
    variant: str | None = Field(examples=[None], description="The user's variant of it.")
    degraded: list[Literal["cache", "database"]] = Field(
        description="What was away while this list was made."
    )


class Rating(Schema):
    """A rating of an item; it is clamped to 0..5."""

    item_id: Id
    rating: float = Field(examples=[4.5])


class RecommendationRequest(Schema):
    """Whom to recommend to: a known user, or somebody new with a history."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"history": [{"item_id": "heat-1995", "rating": 4.5}], "limit": 5}]
        }
    )

    user_id: Id | None = None
    history: Annotated[list[Rating], Field(max_length=MAX_HISTORY)] = []
    limit: Limit = 10


class SessionAnswer(Schema):
    """A list for somebody without an id."""

    recommendations: list[Recommended]
    recommendation_id: str = Field(examples=[LIST_ID])
    model_version: str | None = Field(examples=[VERSION])
    ignored_items: list[str] = Field(
        description="Items of the history that the catalogue does not have."
    )


class RecommendationAnswer(SessionAnswer):
    """A list for a user, whose id may be new."""

    user_id: str = Field(examples=["ada"])


class ListWish(Schema):
    """What lists shall be like."""

    limit: Limit | None = None
    genre: Genre | None = None
    exclude: Annotated[list[Id], Field(max_length=MAX_EXCLUDED)] = []
    filter: FilterText | None = None
    diversity: Diversity | None = None
    scenario: Id | None = None


class SessionRequest(ListWish):
    """What somebody without an id rated so far."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"history": [{"item_id": "heat-1995", "rating": 4.5}], "limit": 5}]
        }
    )

    history: Annotated[list[Rating], Field(min_length=1, max_length=MAX_HISTORY)]


class BatchRequest(ListWish):
    """Whom to recommend to."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_ids": ["ada", "grace"], "limit": 5}]}
    )

    user_ids: Annotated[list[Id], Field(min_length=1, max_length=MAX_USERS)]
    explain: bool = False


class UserList(RecommendationList):
    """The list of one of the users."""

    user_id: str = Field(examples=["ada"])


class BatchAnswer(Schema):
    """A list for each user, in their order."""

    lists: list[UserList]


class SimilarItem(Schema):
    """An item like another."""

    item_id: str = Field(examples=["casino-1995"])
    title: str | None = Field(examples=["Casino (1995)"])
    score: float = Field(examples=[0.71], description="Higher is more alike.")
    reason: str = Field(examples=["Liked by the same people."])


class SimilarList(Schema):
    """Items like an item, the most similar first."""

    item_id: str = Field(examples=["heat-1995"])
    items: list[SimilarItem]


class ContributionOut(Schema):
    """What one reaction of the user adds to the score."""

    item_id: str = Field(examples=["casino-1995"])
    title: str | None = Field(examples=["Casino (1995)"])
    weight: float = Field(examples=[1.0], description="Of the reaction, from -1 to 1.")
    contribution: float = Field(examples=[0.42])


class Exploration(Schema):
    """What exploration judges an item by, since the model was made."""

    likes: float = Field(examples=[3.0])
    shows: float = Field(examples=[40.0])


class WhyOut(Schema):
    """Where an item stands for a user, and what put it there."""

    user_id: str = Field(examples=["ada"])
    item_id: str = Field(examples=["heat-1995"])
    title: str | None = Field(examples=["Heat (1995)"])
    model_version: str | None = Field(examples=[VERSION])
    score: float | None = Field(
        examples=[1.25],
        description="`rest` plus all contributions; null without a model or a history.",
    )
    rest: float | None = Field(
        examples=[0.1], description="What the model thinks of the item for everybody."
    )
    contributions: list[ContributionOut] = Field(
        description="The reactions that move the score most."
    )
    rank: int | None = Field(
        examples=[3],
        description="Place by score, boosts of rules included, among what may appear now; null when it may not, or when nothing can be scored.",
    )
    of: int = Field(examples=[9125], description="How many items may appear now.")
    obstacles: list[str] = Field(
        description="Why it cannot appear, or not yet.", examples=[["It is hidden."]]
    )
    own_reaction: float | None = Field(examples=[None], description="The user's own, from -1 to 1.")
    times_shown: int = Field(examples=[0], description="To this user.")
    exploration: Exploration
    rules: list[str] = Field(description="Names of the rules that it matches now.")


class HistoryEntry(Schema):
    """The latest reaction to an item."""

    item_id: str = Field(examples=["heat-1995"])
    title: str | None = Field(examples=["Heat (1995)"])
    kind: Kind
    value: float | None = Field(examples=[4.5])
    timestamp: datetime


class HistoryPage(Schema):
    """What a user did, the newest first; `cursor` leads to the next page, None ends."""

    user_id: str = Field(examples=["ada"])
    history: list[HistoryEntry]
    cursor: str | None


class PopularItem(Schema):
    """An item, and how many reactions in favour it has."""

    item_id: str = Field(examples=["heat-1995"])
    title: str | None = Field(examples=["Heat (1995)"])
    genres: list[str] = Field(examples=[["Action", "Crime"]])
    likes: int = Field(examples=[42])


class PopularList(Schema):
    """What most people liked, the most liked first."""

    items: list[PopularItem]
