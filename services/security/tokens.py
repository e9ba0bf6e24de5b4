"""Tokens: signed with ES256 by accounts, verified anywhere with its public keys.

    InvalidToken          what a token can have wrong with it; web answers 401
    ├── UnknownKey        signed with a key that is not known (yet)
    ├── ExpiredToken
    └── RevokedToken

Claims: RFC 7519 (`iss`, `sub`, `aud`, `exp`, `nbf`, `iat`, `jti`), RFC 9068 (`scope`), and `workspace`.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from jose import jwt
from jose.exceptions import ExpiredSignatureError, JOSEError

from services.security.keys import ALGORITHM, Keys, KeysUnavailable, LocalKeys
from services.security.rate_limits import RateLimiter
from services.security.scopes import parse, render

LIFETIME = (
    3600  # seconds; long enough to ask once an hour, and revocation ends it within two seconds
)
LEEWAY = 5  # seconds that the clocks of two machines may differ
MAX_LENGTH = 4096  # characters; a token with every scope takes about 700
MAX_VERIFIED = 10_000  # tokens remembered as verified: about 15 MB
REFRESHES_PER_SECOND = 0.5  # fetches of keys: tokens with made-up key ids cause no more
REFRESH_BURST = 5  # fetches at once: a rotation that follows another fetch is seen at once

_REQUIRED = ("iss", "sub", "aud", "exp", "nbf", "iat", "jti")
_OPTIONS = {f"require_{claim}": True for claim in _REQUIRED}


class InvalidToken(Exception):
    """The token does not hold; the sentence says why and repeats nothing of it."""


class UnknownKey(InvalidToken):
    """The token names a key that is not known here."""


class ExpiredToken(InvalidToken):
    """The token's time is over."""


class RevokedToken(InvalidToken):
    """The token, or all tokens of its client, were revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Who calls, as its token says."""

    client_id: str
    workspace: str
    scopes: frozenset[str]
    jti: str
    expires_at: float
    """Seconds since 1970."""


class TokenSigner:
    """Issues tokens; only accounts has one."""

    def __init__(
        self, keys: LocalKeys, *, issuer: str, audience: str, lifetime: float = LIFETIME
    ) -> None:
        self.lifetime = lifetime
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    def issue(
        self, *, client_id: str, workspace: str, scopes: frozenset[str], at: float | None = None
    ) -> str:
        """Return a token that is valid from `at` (seconds since 1970; default: now) for the lifetime.

        The times keep their fractions: a revocation covers exactly the tokens issued before it.
        """
        issued_at = time.time() if at is None else at
        claims = {
            "iss": self._issuer,
            "sub": client_id,
            "aud": self._audience,
            "exp": issued_at + self.lifetime,
            "nbf": issued_at,
            "iat": issued_at,
            "jti": uuid.uuid4().hex,
            "workspace": workspace,
            "scope": render(scopes),
        }
        kid, key = self._keys.signing()
        return str(jwt.encode(claims, key, algorithm=ALGORITHM, headers={"kid": kid}))


class TokenVerifier:
    """Turns a token into the client it speaks for, once; then remembers it until it expires."""

    def __init__(self, keys: Keys, *, issuer: str, audience: str, leeway: float = LEEWAY) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._leeway = leeway
        self._options = _OPTIONS | {"leeway": leeway}
        self._verified: OrderedDict[str, Client] = OrderedDict()
        self._generation = keys.generation
        self._refreshing = asyncio.Lock()
        self._refreshes = RateLimiter(rate=REFRESHES_PER_SECOND, burst=REFRESH_BURST)
        self._refreshed_at = 0.0
        self._away: KeysUnavailable | None = None

    def verify(self, token: str) -> Client:
        """Return the client of `token`; microseconds for one that was seen before.

        Raises:
            UnknownKey: `resolve` may find the key.
            InvalidToken: for every other reason.
        """
        client = self._verified.get(token)
        if client is not None and self._generation == self._keys.generation:
            if time.time() < client.expires_at + self._leeway:
                return client
            del self._verified[token]
        client = self._check(token)
        self._remember(token, client)
        return client

    async def resolve(self, token: str) -> Client:
        """Do as `verify`, and fetch the keys again when the token's one is unknown.

        Raises:
            InvalidToken: the token does not hold.
            KeysUnavailable: its key is unknown and accounts does not answer.
        """
        try:
            return self.verify(token)
        except UnknownKey:
            await self._refresh()
        try:
            return self.verify(token)
        except UnknownKey:
            if self._away is not None:
                raise KeysUnavailable(str(self._away)) from None
            raise

    async def _refresh(self) -> None:
        arrived = time.monotonic()
        async with self._refreshing:
            # A fetch that began while this call waited is as good as one of its own.
            if self._refreshed_at > arrived or self._refreshes.take("keys"):
                return
            self._refreshed_at = time.monotonic()
            try:
                await self._keys.refresh()
                self._away = None
            except KeysUnavailable as error:
                self._away = error

    def _remember(self, token: str, client: Client) -> None:
        if self._generation != self._keys.generation:
            self._verified.clear()
            self._generation = self._keys.generation
        self._verified[token] = client
        if len(self._verified) > MAX_VERIFIED:
            self._verified.popitem(last=False)

    def _check(self, token: str) -> Client:
        if len(token) > MAX_LENGTH:
            raise InvalidToken("The token is too long.")
        key = self._key(token)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._audience,
                issuer=self._issuer,
                options=self._options,
            )
        except ExpiredSignatureError:
            raise ExpiredToken("The token has expired.") from None
        except (JOSEError, TypeError, ValueError, OverflowError, RecursionError):
            raise InvalidToken("The token is not valid.") from None
        client = _client(claims)
        if time.time() >= client.expires_at + self._leeway:
            raise ExpiredToken("The token has expired.")
        return client

    def _key(self, token: str) -> Any:
        try:
            header = jwt.get_unverified_header(token)
        except (JOSEError, RecursionError):
            raise InvalidToken("The token is not a JWT.") from None
        kid = header.get("kid")
        # `crit` names extensions that must be understood; we understand none (RFC 7515, §4.1.11).
        if header.get("alg") != ALGORITHM or "crit" in header or not isinstance(kid, str):
            raise InvalidToken("The token is not valid.")
        key = self._keys.find(kid)
        if key is None:
            raise UnknownKey("The token is signed with an unknown key.")
        return key


def _client(claims: dict[str, Any]) -> Client:
    workspace, scope = claims.get("workspace"), claims.get("scope")
    texts = (claims["sub"], claims["jti"], workspace)
    if not all(isinstance(text, str) and text for text in texts) or not isinstance(scope, str):
        raise InvalidToken("The token lacks a claim.")
    return Client(
        client_id=claims["sub"],
        workspace=str(workspace),
        scopes=parse(scope),
        jti=claims["jti"],
        expires_at=float(claims["exp"]),
    )
