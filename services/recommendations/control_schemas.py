"""What HTTP clients send and get about rules and scenarios; `definition`s in the tables are these too."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from services.recommendations.filter_text import FilterText
from services.recommendations.rules import Effect
from services.recommendations.schemas import MAX_EXCLUDED, Diversity, Genre, Limit
from services.web.schemas import Id, Schema, Time

MAX_STRENGTH = 10.0  # standard deviations: beyond it a boost is a pin to everything that matches
MAX_POSITION = 100  # as long as the longest list

SUMMER = 'genres has "Comedy" and year >= 1990'
Share = Annotated[float, Field(ge=0, le=1)]


class RuleBody(Schema):
    """What shall happen to the items that match a filter: they are pinned, boosted or buried."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"filter": SUMMER, "effect": "boost", "strength": 0.5},
                {"filter": 'labels.studio = "Regency"', "effect": "pin", "percent": 20},
                {
                    "filter": 'genres has "Christmas"',
                    "effect": "bury",
                    "from": "2026-01-07T00:00:00Z",
                    "until": "2026-11-15T00:00:00Z",
                },
            ]
        }
    )

    filter: FilterText
    effect: Effect
    strength: Annotated[float, Field(gt=0, le=MAX_STRENGTH)] | None = Field(
        default=None,
        description="Of a boost: how many standard deviations scores gain; 1 if not said.",
    )
    percent: Annotated[float, Field(ge=0, le=100)] | None = Field(
        default=None, description="Of a pin: the share of the list's places, rounded down."
    )
    position: Annotated[int, Field(ge=1, le=MAX_POSITION)] | None = Field(
        default=None,
        validate_default=True,
        description="Of a pin, instead of `percent`: the one place, counted from 1.",
    )
    starts: Time | None = Field(default=None, alias="from", description="Holds from then on.")
    ends: Time | None = Field(default=None, alias="until", description="Holds until before then.")
    enabled: bool = True

    @field_validator("strength")
    @classmethod
    def _of_a_boost(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and info.data.get("effect", "boost") != "boost":
            raise ValueError("only a boost has a strength")
        return value

    @field_validator("percent", "position")
    @classmethod
    def _of_a_pin(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and info.data.get("effect", "pin") != "pin":
            raise ValueError(f"only a pin has a {info.field_name}")
        return value

    @field_validator("position")
    @classmethod
    def _either(cls, value: int | None, info: ValidationInfo) -> int | None:
        pins = info.data.get("effect") == "pin" and "percent" in info.data
        if pins and (value is None) == (info.data["percent"] is None):
            raise ValueError("a pin has either percent or position")
        return value

    @field_validator("ends")
    @classmethod
    def _after_it_starts(cls, value: datetime | None, info: ValidationInfo) -> datetime | None:
        starts = info.data.get("starts")
        if value is not None and starts is not None and value <= starts:
            raise ValueError("must be later than from")
        return value


class RuleShown(Schema):
    """What a rule does, as `PUT` takes it."""

    # A rule that another release stored is shown as far as this one understands it.
    model_config = ConfigDict(extra="ignore", strict=False)

    filter: str = Field(examples=[SUMMER])
    effect: str = Field(examples=["boost"])
    strength: float | None = Field(default=None, examples=[0.5])
    percent: float | None = None
    position: int | None = None
    starts: datetime | None = Field(default=None, alias="from")
    ends: datetime | None = Field(default=None, alias="until")
    enabled: bool = True


class RuleOut(RuleShown):
    """A rule."""

    name: str = Field(examples=["summer"])
    problem: str | None = Field(
        default=None, description="Why it has no effect: this release does not understand it."
    )


class RulePut(RuleOut):
    """A rule as it is now, and what it was before: None for a new one."""

    previous: RuleShown | None


class RuleList(Schema):
    """All rules, by name."""

    rules: list[RuleOut]


class ScenarioBody(Schema):
    """Parameters of lists under a name. What a request says itself wins over its scenario."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"limit": 20, "filter": SUMMER, "diversity": 0.3, "exploration": 0.2}]
        }
    )

    limit: Limit | None = None
    genre: Genre | None = None
    filter: FilterText | None = None
    exclude: Annotated[list[Id], Field(min_length=1, max_length=MAX_EXCLUDED)] | None = None
    diversity: Diversity | None = None
    exploration: Share | None = Field(
        default=None, description="Share of the list for items that nobody can judge yet."
    )
    explain: bool | None = None


class ScenarioShown(Schema):
    """The parameters of a scenario, as `PUT` takes them."""

    model_config = ConfigDict(extra="ignore", strict=False)

    limit: int | None = Field(default=None, examples=[20])
    genre: str | None = None
    filter: str | None = Field(default=None, examples=[SUMMER])
    exclude: list[str] | None = None
    diversity: float | None = Field(default=None, examples=[0.3])
    exploration: float | None = Field(default=None, examples=[0.2])
    explain: bool | None = None


class ScenarioOut(ScenarioShown):
    """A scenario."""

    name: str = Field(examples=["discovery"])
    problem: str | None = Field(
        default=None, description="Why it cannot be used: this release does not understand it."
    )


class ScenarioPut(ScenarioOut):
    """A scenario as it is now, and what it was before: None for a new one."""

    previous: ScenarioShown | None


class ScenarioList(Schema):
    """All scenarios, by name."""

    scenarios: list[ScenarioOut]
