"""Settings of the anomaly-similarity service: environment variables with the prefix `AKIN_ANOMALY_SIMILARITY_`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class AnomalySimilaritySettings(BaseSettings):
    """What an operator may want to be otherwise."""

    model_config = SettingsConfigDict(env_prefix="AKIN_ANOMALY_SIMILARITY_", extra="ignore")

    worker_port: int = Field(
        default=6002, ge=0, le=65535, description="Port of the worker's health and metrics; 0: any."
    )
