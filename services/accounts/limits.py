"""How often one address may try to log in or register: guessing and flooding take time."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from services.accounts.config import AccountsSettings
from services.security.rate_limits import RateLimiter, address_key
from services.web.errors import TooManyRequests


@dataclass(frozen=True, slots=True)
class Limits:
    """One per process, on `app.state.accounts_limits`."""

    logins: RateLimiter
    registrations: RateLimiter


def limits(settings: AccountsSettings) -> Limits:
    """Return the limits that the settings say."""
    return Limits(
        logins=RateLimiter(rate=settings.logins_per_second, burst=settings.burst),
        registrations=RateLimiter(rate=settings.registrations_per_second, burst=settings.burst),
    )


async def limit_logins(request: Request) -> None:
    """Refuse a call over the rate of its address."""
    _take(request.app.state.accounts_limits.logins, request)


async def limit_registrations(request: Request) -> None:
    """Refuse a call over the rate of its address."""
    _take(request.app.state.accounts_limits.registrations, request)


def _take(limiter: RateLimiter, request: Request) -> None:
    host = request.client.host if request.client else ""
    wait = limiter.take(address_key(host))
    if wait:
        raise TooManyRequests("Too many attempts from this address.", retry_after=wait)
