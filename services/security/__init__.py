"""Security: tokens, scopes, passwords, revocations, rate limits. Everything arrives as parameters."""

from services.security.keys import Keys, KeysUnavailable, LocalKeys, keep_fresh, rotate
from services.security.passwords import Passwords, PasswordsBusy
from services.security.rate_limits import RateLimiter, address_key
from services.security.remote_keys import RemoteKeys
from services.security.revocations import Revocations, follow
from services.security.scopes import EVERY_SCOPE, Scope
from services.security.tokens import (
    Client,
    ExpiredToken,
    InvalidToken,
    RevokedToken,
    TokenSigner,
    TokenVerifier,
    UnknownKey,
)

__all__ = [
    "EVERY_SCOPE",
    "Client",
    "ExpiredToken",
    "InvalidToken",
    "Keys",
    "KeysUnavailable",
    "LocalKeys",
    "Passwords",
    "PasswordsBusy",
    "RateLimiter",
    "RemoteKeys",
    "Revocations",
    "RevokedToken",
    "Scope",
    "TokenSigner",
    "TokenVerifier",
    "UnknownKey",
    "address_key",
    "follow",
    "keep_fresh",
    "rotate",
]
