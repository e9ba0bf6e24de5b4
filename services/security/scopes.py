"""What a token may be allowed to do. The list is the contract's; every route names one of them."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """One permission; its value is what stands in tokens and requests."""

    EVENTS_WRITE = "events:write"
    RECOMMENDATIONS_READ = "recommendations:read"
    CATALOGUE_WRITE = "catalogue:write"
    ANOMALIES_READ = "anomalies:read"
    ANOMALIES_WRITE = "anomalies:write"
    DETECTION_READ = "detection:read"
    DETECTION_WRITE = "detection:write"
    MODELS_ADMIN = "models:admin"
    CLIENTS_ADMIN = "clients:admin"
    PLATFORM_ADMIN = "platform:admin"


EVERY_SCOPE: frozenset[str] = frozenset(Scope)


def render(scopes: frozenset[str]) -> str:
    """Return the scopes as OAuth 2 writes them: separated by spaces, here in alphabetical order."""
    return " ".join(sorted(scopes))


def parse(text: str) -> frozenset[str]:
    """Return the scopes of an OAuth 2 `scope` string; whether they exist is for the caller to ask."""
    return frozenset(text.split())
