"""Settings of the recommendations service: environment variables with the prefix `AKIN_RECOMMENDATIONS_`."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.recommendations.feedback import strengths_with


class RecommendationsSettings(BaseSettings):
    """What an operator may want to be otherwise."""

    model_config = SettingsConfigDict(env_prefix="AKIN_RECOMMENDATIONS_", extra="ignore")

    allow_cleanup: bool = Field(
        default=False,
        description="Whether `GET /cleanup` may empty a workspace. `akin run` and `akin up` allow it.",
    )
    exploration_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Share of a list that shows items nobody can judge yet, for users with a history.",
    )
    cold_exploration_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="The same share for users without a history.",
    )
    strengths: dict[str, float] = Field(
        default={},
        description="How much kinds of reaction tell, from -1 to 1, where it is not as usual, as JSON: "
        '`{"view": 0.5}`. Usual are like 1, purchase 1, view 0.3, skip -0.3, dislike -1, and for a rating '
        "(value - 2.5) / 2.5, unless it has a number here, whatever its value. Histories follow at once, "
        "models with the next training.",
    )
    half_life: float | None = Field(
        default=None,
        gt=0,
        description="After how many newer reactions one counts half. Empty: training chooses it.",
    )
    model_poll_seconds: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="How often the alias of a model is looked at; `model.published` is quicker.",
    )
    max_workspaces: int = Field(
        default=32,
        ge=1,
        description="Workspaces held in memory by one process; the longest unused one leaves.",
    )
    worker_port: int = Field(
        default=6001, ge=0, le=65535, description="Port of the worker's health and metrics; 0: any."
    )

    @field_validator("strengths")
    @classmethod
    def _known_kinds(cls, value: dict[str, float]) -> dict[str, float]:
        strengths_with(value)
        return value
