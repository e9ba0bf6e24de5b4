"""Public keys fetched from the accounts service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
from jose import jwk
from jose.exceptions import JOSEError

from services.security.keys import ALGORITHM, KeysUnavailable

TIMEOUT = 3.0  # seconds; accounts answers within milliseconds or is away
MAX_BYTES = 64 * 1024  # of the document: two keys take 500


class RemoteKeys:
    """The JWKS at `url`. Keys that are known stay known while accounts is away. Close it at the end.

    Raises:
        httpx.InvalidURL: `url` is none.
    """

    def __init__(self, url: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.generation = 0
        self._url = httpx.URL(url)
        self._http = httpx.AsyncClient(timeout=TIMEOUT, transport=transport)
        self._public: dict[str, Any] = {}

    def find(self, kid: str) -> Any | None:
        """Return the public key with this id."""
        return self._public.get(kid)

    async def refresh(self) -> None:
        """Fetch the keys again.

        Raises:
            KeysUnavailable: accounts is away, or what it serves is not a JWKS with a usable key.
        """
        try:
            response = await self._http.get(self._url)
            response.raise_for_status()
            if len(response.content) > MAX_BYTES:
                raise ValueError("too large")
            public = _usable(response.json())
        except (httpx.HTTPError, ValueError, RecursionError) as error:
            raise KeysUnavailable(f"No keys from {self._url}: {type(error).__name__}.") from error
        if self._public.keys() - public.keys():
            self.generation += 1
        self._public = public

    async def close(self) -> None:
        """Disconnect."""
        await self._http.aclose()


def _usable(document: Any) -> dict[str, Any]:
    listed = document.get("keys") if isinstance(document, dict) else None
    entries = listed if isinstance(listed, list) else []
    keys = {entry["kid"]: _construct(entry) for entry in entries if _is_ours(entry)}
    if not keys:
        raise ValueError("no usable key")
    return keys


def _is_ours(entry: Any) -> bool:
    # Other kinds of key may stand in the document; a private one must not be there at all.
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("kid"), str)
        and entry.get("kty") == "EC"
        and entry.get("crv") == "P-256"
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", ALGORITHM) == ALGORITHM
        and "d" not in entry
    )


def _construct(entry: Mapping[str, Any]) -> Any:
    try:
        return jwk.construct({name: entry[name] for name in ("kty", "crv", "x", "y")}, ALGORITHM)
    except (JOSEError, KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a key") from error
