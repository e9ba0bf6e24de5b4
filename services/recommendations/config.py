"""Settings of the recommendations service: environment variables with the prefix `AKIN_RECOMMENDATIONS_`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class RecommendationsSettings(BaseSettings):
    """What an operator may want to be otherwise."""

    model_config = SettingsConfigDict(env_prefix="AKIN_RECOMMENDATIONS_", extra="ignore")

    allow_cleanup: bool = Field(
        default=False,
        description="Whether `GET /cleanup` may empty a workspace. `akin run` and `akin up` allow it.",
    )
    exploration_share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="Share of a list that shows items nobody can judge yet, for users with a history.",
    )
    cold_exploration_share: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="The same share for users without a history.",
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
