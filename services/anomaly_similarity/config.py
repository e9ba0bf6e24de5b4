"""Settings of the anomaly-similarity service: environment variables with the prefix `AKIN_ANOMALY_SIMILARITY_`."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.anomaly_similarity.signing import key_of


class AnomalySimilaritySettings(BaseSettings):
    """What an operator may want to be otherwise."""

    model_config = SettingsConfigDict(env_prefix="AKIN_ANOMALY_SIMILARITY_", extra="ignore")

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
