"""What clients send to accounts, and get back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, SecretStr, StringConstraints

from services.security.scopes import Scope
from services.web.schemas import Id, Schema

MIN_PASSWORD = 8  # characters; NIST SP 800-63B, §5.1.1
MAX_PASSWORD = 256  # characters; a hash takes time and memory whatever comes in
MAX_EMAIL = 254  # characters; RFC 5321, §4.5.3.1.3
MAX_SCOPE = 500  # characters; all scopes together take 170
MAX_TOKEN = 4096  # characters, as in services/security/tokens.py
MAX_PAGE = 100  # clients in one answer

# The address of HTML's <input type=email>, with at least one dot in the domain. ASCII, so that lower
# case means the same everywhere.
EMAIL = (
    r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
    r"@[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$"
)
# Lower case and digits: the name stands in paths, keys of Redis and of the model store.
WORKSPACE = r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"

Email = Annotated[
    str,
    StringConstraints(max_length=MAX_EMAIL, pattern=EMAIL),
    Field(examples=["ada@example.org"]),
]
NewPassword = Annotated[
    SecretStr,
    Field(
        min_length=MIN_PASSWORD,
        max_length=MAX_PASSWORD,
        examples=["correct horse battery"],
        description=f"{MIN_PASSWORD} to {MAX_PASSWORD} characters.",
    ),
]
Secret = Annotated[SecretStr, Field(max_length=MAX_PASSWORD)]


class CreateClient(Schema):
    """A new client. The password is its `client_secret` as well, until that is rotated."""

    model_config = ConfigDict(hide_input_in_errors=True)

    username: Id = Field(examples=["ada"])
    name: Id = Field(examples=["Ada Lovelace"])
    email: Email
    password: NewPassword
    scopes: list[Annotated[Scope, Field(strict=False)]] | None = Field(
        default=None,
        min_length=1,
        description="Only where registration needs `clients:admin`: what the new client may do, "
        "of what the caller may. Default: all but `clients:admin` and `platform:admin`.",
    )


class ClientCreated(Schema):
    """The new client's id."""

    message: Literal["Client created successfully"] = "Client created successfully"
    client_id: str = Field(examples=["0b0f4a0e-8f5f-4d0c-9a52-6b7c9d0f9f3a"])


class TokenRequest(Schema):
    """RFC 6749, §4.3 (password) and §4.4 (client credentials)."""

    model_config = ConfigDict(
        hide_input_in_errors=True,
        json_schema_extra={
            "examples": [
                {"grant_type": "password", "username": "ada", "password": "correct horse battery"}
            ]
        },
    )

    grant_type: str = Field(
        max_length=100, description="`password` or `client_credentials`.", examples=["password"]
    )
    username: Id | None = None
    password: Secret | None = None
    client_id: Id | None = None
    client_secret: Secret | None = None
    scope: str = Field(
        default="",
        max_length=MAX_SCOPE,
        description="Scopes separated by spaces. Default: all that the client has.",
        examples=["events:write recommendations:read"],
    )


class Token(Schema):
    """RFC 6749, §5.1."""

    access_token: str = Field(examples=["eyJhbGciOiJFUzI1NiIs…"])
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the type's name
    expires_in: int = Field(description="Seconds.", examples=[3600])
    scope: str = Field(examples=["events:write recommendations:read"])


class RevokeRequest(Schema):
    """RFC 7009, §2.1."""

    model_config = ConfigDict(hide_input_in_errors=True)

    token: str = Field(min_length=1, max_length=MAX_TOKEN, examples=["eyJhbGciOiJFUzI1NiJ9.…"])
    token_type_hint: str | None = Field(default=None, max_length=100)


class Revoked(Schema):
    """The token does not hold any longer, if it ever did."""

    message: Literal["Token revoked"] = "Token revoked"


class PublicKey(Schema):
    """RFC 7517, §4; RFC 7518, §6.2."""

    kty: str = Field(examples=["EC"])
    crv: str = Field(examples=["P-256"])
    x: str
    y: str
    kid: str = Field(description="The key's thumbprint (RFC 7638).")
    use: str = Field(examples=["sig"])
    alg: str = Field(examples=["ES256"])


class PublicKeys(Schema):
    """RFC 7517, §5: every key whose tokens hold, newest first."""

    keys: list[PublicKey]


class ClientOut(Schema):
    """A client of the caller's workspace."""

    client_id: str = Field(examples=["0b0f4a0e-8f5f-4d0c-9a52-6b7c9d0f9f3a"])
    username: str = Field(examples=["ada"])
    name: str = Field(examples=["Ada Lovelace"])
    email: str = Field(examples=["ada@example.org"])
    scopes: list[str] = Field(examples=[["events:write", "recommendations:read"]])
    created_at: datetime


class Clients(Schema):
    """One page of clients, in the order of their ids."""

    clients: list[ClientOut]
    cursor: str | None = Field(description="Send it to get the next page; null on the last one.")


class NewSecret(Schema):
    """The client's new secret, which is also its password. It is shown this once."""

    client_id: str = Field(examples=["0b0f4a0e-8f5f-4d0c-9a52-6b7c9d0f9f3a"])
    client_secret: str = Field(examples=["h1dN…"])
