"""Who asks for a token, and how it proves that: RFC 6749, §2.3.1, §4.3.2 and §4.4.2."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field

from pydantic import SecretStr

from services.accounts.schemas import MAX_PASSWORD, TokenRequest
from services.web.errors import AkinError, BadRequest, Unprocessable


@dataclass(frozen=True, slots=True)
class ByPassword:
    """The grant `password`."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class BySecret:
    """The grant `client_credentials`."""

    client_id: str
    client_secret: str = field(repr=False)


def credentials(form: TokenRequest, authorization: str | None) -> ByPassword | BySecret:
    """Return what the request proves itself with.

    Raises:
        BadRequest: an unknown grant, a broken Basic header, or a secret in both places.
        Unprocessable: fields are missing; all of them are named.
    """
    if form.grant_type == "password":
        if form.username and form.password:
            return ByPassword(form.username, form.password.get_secret_value())
        raise _missing(username=form.username, password=form.password)
    if form.grant_type != "client_credentials":
        raise BadRequest(
            "grant_type is 'password' or 'client_credentials'.", code="unsupported_grant_type"
        )
    if authorization and authorization[:6].lower() == "basic ":
        if form.client_secret:
            raise BadRequest("The secret comes twice.", code="invalid_request")
        return _basic(authorization[6:])
    if form.client_id and form.client_secret:
        return BySecret(form.client_id, form.client_secret.get_secret_value())
    raise _missing(client_id=form.client_id, client_secret=form.client_secret)


def _basic(encoded: str) -> BySecret:
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        raise _broken() from None
    client_id, colon, secret = text.partition(":")
    if not colon or not client_id.isprintable() or len(secret) > MAX_PASSWORD:
        raise _broken()
    return BySecret(client_id, secret)


def _broken() -> AkinError:
    return BadRequest("The Authorization header is not HTTP Basic.", code="invalid_request")


def _missing(**fields: str | SecretStr | None) -> AkinError:
    names = [f"body.{name}" for name, value in fields.items() if not value]
    details = [{"field": name, "message": "Field required", "type": "missing"} for name in names]
    return Unprocessable(f"The request does not fit: {', '.join(names)}.", details=details)
