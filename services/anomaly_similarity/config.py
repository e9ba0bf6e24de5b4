"""Settings of the anomaly-similarity service: environment variables with the prefix `AKIN_ANOMALY_SIMILARITY_`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.anomaly_similarity.signing import key_of


class AnomalySimilaritySettings(BaseSettings):
    """What an operator may want to be otherwise."""

    model_config = SettingsConfigDict(env_prefix="AKIN_ANOMALY_SIMILARITY_", extra="ignore")

    relevant_by: list[str] = Field(
        default=[],
        description="What makes two anomalies alike, as JSON: names of attributes, `component`, `product`, "
        '`severity`; all of them must be equal, such as `["part", "failure"]`. Training judges by it. '
        "Empty: by operators' verdicts alone.",
    )
    late: list[str] = Field(
        default=[],
        description="Attributes that nobody knows when an anomaly is asked for, as JSON, such as `["
        '"action", "cost"]`. They are not searched by, nor are those of `RELEVANT_BY`.',
    )
    embeddings: Path | None = Field(
        default=None,
        description="Folder of static sentence embeddings (model2vec), which training then tries as well; for the "
        "extra `embeddings`. Empty: none.",
    )
    max_workspaces: int = Field(
        default=8,
        ge=1,
        description="Workspaces whose anomalies are held in memory by one process, some 3 kB each; the longest "
        "unused one leaves.",
    )
    model_poll_seconds: float = Field(
        default=2.0,
        gt=0,
        le=60,
        description="How often new anomalies, edits and the alias of the model are looked at; a question looks "
        "first.",
    )
    worker_port: int = Field(
        default=6002, ge=0, le=65535, description="Port of the worker's health and metrics; 0: any."
    )
    webhook_secret: SecretStr | None = Field(
        default=None,
        description="Signs webhooks: `whsec_` and 24 to 64 random bytes in base64. Without it requests "
        "with a `callback_url` are refused.",
    )
    webhook_allow_private: bool = Field(
        default=False,
        description="Whether webhooks may go to private and loopback addresses.",
    )

    @field_validator("webhook_secret")
    @classmethod
    def _usable(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None:
            key_of(secret.get_secret_value())
        return secret
