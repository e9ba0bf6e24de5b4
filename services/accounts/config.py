"""Settings of the accounts service. Each is an environment variable with the prefix `AKIN_ACCOUNTS_`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.security.tokens import LIFETIME

Registration = Literal["shared", "isolated", "admin", "closed"]
MAX_LIFETIME = 86_400  # seconds; a deleted client is remembered as revoked for that long


class AccountsSettings(BaseSettings):
    """Who may register, how long tokens hold, how often one address may try."""

    model_config = SettingsConfigDict(env_prefix="AKIN_ACCOUNTS_", extra="ignore")

    registration: Registration = Field(
        default="shared",
        description="Who may register: `shared` (anyone, into `default`), `isolated` (anyone, each "
        "into a new workspace), `admin` (a client with `clients:admin`, into its own), `closed`.",
    )
    token_lifetime: int = Field(
        default=LIFETIME, ge=60, le=MAX_LIFETIME, description="Seconds that a token holds."
    )
    logins_per_second: float = Field(
        default=5,
        ge=0,
        description="Calls of `/token` per second from one address to one process; 0 for no limit.",
    )
    registrations_per_second: float = Field(
        default=1,
        ge=0,
        description="Calls of `/create-client` per second from one address; 0 for no limit.",
    )
    burst: int = Field(
        default=60, ge=1, description="Calls of either that one address may make at once."
    )
