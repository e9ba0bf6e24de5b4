"""The gate: who calls, and may they? Token, revocation, rate and scope, in a few microseconds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import Security
from fastapi.security import OAuth2PasswordBearer
from starlette.requests import HTTPConnection

from services.cache import Cache
from services.security import revocations
from services.security.keys import Keys, LocalKeys, keep_fresh
from services.security.rate_limits import RateLimiter
from services.security.remote_keys import RemoteKeys
from services.security.revocations import Revocations
from services.security.scopes import Scope
from services.security.tokens import Client as Caller
from services.security.tokens import InvalidToken, TokenVerifier, UnknownKey
from services.web.config import PlatformSettings
from services.web.errors import Forbidden, TooManyRequests, Unauthorized

__all__ = ["Caller", "Gate", "requires"]


class Gate:
    """Lets callers in. One per process, on `app.state.gate`."""

    def __init__(self, verifier: TokenVerifier, revoked: Revocations, limiter: RateLimiter) -> None:
        self._verifier = verifier
        self._revoked = revoked
        self._limiter = limiter

    async def admit(self, authorization: str | None, scope: str | None) -> Caller:
        """Return who calls; with `scope` None any client may.

        Raises:
            Unauthorized: no bearer token, or one that does not hold.
            Forbidden: the token lacks `scope`.
            TooManyRequests: over the client's rate.
        """
        kind, _, token = (authorization or "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise Unauthorized("A bearer token is needed: get one with `POST /token`.")
        try:
            try:
                caller = self._verifier.verify(token)
            except UnknownKey:
                caller = await self._verifier.resolve(token)
            self._revoked.check(caller)
        except InvalidToken as error:
            raise Unauthorized(str(error), code="invalid_token") from error
        wait = self._limiter.take(caller.client_id)
        if wait:
            raise TooManyRequests("Over the rate of this client.", retry_after=wait)
        if scope is not None and scope not in caller.scopes:
            raise Forbidden(f"The token lacks the scope '{scope}'.", code="insufficient_scope")
        return caller


@asynccontextmanager
async def open_gate(settings: PlatformSettings, cache: Cache) -> AsyncIterator[Gate]:
    """Give the gate of this process; it follows keys and revocations until the end of the block."""
    async with AsyncExitStack() as stack:
        keys: Keys
        if settings.jwks_url:
            keys = RemoteKeys(settings.jwks_url)
            stack.push_async_callback(keys.close)
        else:
            keys = LocalKeys(settings.keys)
        await stack.enter_async_context(keep_fresh(keys))
        verifier = TokenVerifier(keys, issuer=settings.issuer, audience=settings.audience)
        revoked = await stack.enter_async_context(revocations.follow(cache))
        rate = settings.requests_per_second
        yield Gate(verifier, revoked, RateLimiter(rate=rate, burst=2 * rate))


_DESCRIPTIONS = {
    Scope.EVENTS_WRITE: "Send events.",
    Scope.RECOMMENDATIONS_READ: "Read items, histories and lists; a history that is sent along is recorded.",
    Scope.CATALOGUE_WRITE: "Add, change and delete items, rules and scenarios; erase users.",
    Scope.ANOMALIES_READ: "Read anomalies and similar cases.",
    Scope.ANOMALIES_WRITE: "Record anomalies and ask for similar cases.",
    Scope.DETECTION_READ: "Read datasets, jobs and their outcomes.",
    Scope.DETECTION_WRITE: "Upload datasets and run detection jobs.",
    Scope.MODELS_ADMIN: "Roll models back; run experiments.",
    Scope.CLIENTS_ADMIN: "List, create and delete the clients of the workspace.",
    Scope.PLATFORM_ADMIN: "Empty the workspace.",
}


class _Bearer(OAuth2PasswordBearer):
    """A security scheme that OpenAPI shows, and at the same time the check: one dependency a route."""

    def __init__(self, scope: Scope | None) -> None:
        super().__init__(
            tokenUrl="/token",
            scopes={s.value: text for s, text in _DESCRIPTIONS.items()},
            scheme_name="token",
        )
        self._scope = scope.value if scope else None

    async def __call__(self, request: HTTPConnection) -> Any:
        gate: Gate = request.app.state.gate
        return await gate.admit(request.headers.get("authorization"), self._scope)


def requires(scope: Scope | None) -> Any:
    """Return the dependency of a route that needs `scope`: `Annotated[Caller, requires(Scope.X)]`.

    None: any client may, because the route is about the caller itself (`POST /revoke`).
    """
    return Security(_Bearer(scope), scopes=[scope.value] if scope else [])
