"""Settings that every process shares. Each is an environment variable with the prefix `AKIN_`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class PlatformSettings(BaseSettings):
    """Where things are. With nothing set, all of it lies in `AKIN_HOME` and needs no server."""

    model_config = SettingsConfigDict(env_prefix="AKIN_", extra="ignore")

    home: Path = Field(
        default_factory=lambda: Path.home() / ".akin",
        description="Folder of everything that the embedded profile and `akin up` keep.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="`postgresql+asyncpg://…` or `sqlite+aiosqlite:///…`. Default: SQLite in `AKIN_HOME`.",
    )
    broker_url: SecretStr | None = Field(
        default=None,
        description="`amqp://…` for RabbitMQ or `journal:///…`. Default: the journal in `AKIN_HOME`.",
    )
    cache_url: SecretStr = Field(
        default=SecretStr("memory://"),
        description="`redis://…`, or `memory://` for a cache inside the process.",
    )
    model_store_url: str | None = Field(
        default=None,
        description="Any fsspec URL, such as `s3://bucket/models`. Default: a folder in `AKIN_HOME`.",
    )
    issuer: str = Field(default="akin", description="`iss` of tokens; the same on every service.")
    audience: str = Field(default="akin", description="`aud` of tokens; the same on every service.")
    jwks_url: str | None = Field(
        default=None,
        description="Where to fetch the public keys. Default: the key folder of this machine.",
    )
    signing_keys: Path | None = Field(
        default=None, description="Folder of signing keys (PEM). Default: `keys` in `AKIN_HOME`."
    )
    requests_per_second: float = Field(
        default=5_000,
        ge=0,
        description="Requests per second that one client may make on one process, with twice as "
        "many at once; 0 for no limit.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe level that is logged."
    )
    log_style: Literal["json", "text"] = Field(
        default="json", description="`json` for machines, `text` for people."
    )

    @property
    def database(self) -> str:
        """The database's address, with its password: for connecting, never for printing."""
        if self.database_url:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.home / 'akin.db'}"

    @property
    def broker(self) -> str:
        """The broker's address, with its password: for connecting, never for printing."""
        if self.broker_url:
            return self.broker_url.get_secret_value()
        return f"journal:///{self.home / 'journal.db'}"

    @property
    def cache(self) -> str:
        """The cache's address, with its password: for connecting, never for printing."""
        return self.cache_url.get_secret_value()

    @property
    def models(self) -> str:
        """The model store's address."""
        return self.model_store_url or f"file://{self.home / 'models'}"

    def environment(self) -> dict[str, str]:
        """The variables that make a child process use what this one uses."""
        return {
            "AKIN_HOME": str(self.home),
            "AKIN_DATABASE_URL": self.database,
            "AKIN_BROKER_URL": self.broker,
            "AKIN_CACHE_URL": self.cache,
            "AKIN_MODEL_STORE_URL": self.models,
        }

    @property
    def keys(self) -> Path:
        """The folder of the signing keys."""
        return self.signing_keys or self.home / "keys"
