"""Signatures of webhooks, after Standard Webhooks 1.0 (symmetric: HMAC-SHA256)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64  # bytes of a key, as the specification has it


def key_of(secret: str) -> bytes:
    """Return the key that a secret stands for: base64, after the prefix.

    Raises:
        ValueError: it is none.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"must be `{PREFIX}` and base64") from error
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(f"must hold {SHORTEST} to {LONGEST} bytes, not {len(key)}")
    return key


def headers(key: bytes, identifier: str, seconds: int, body: bytes) -> list[tuple[str, str]]:
    """Return what tells the receiver which message it is, when it was sent (epoch seconds), and that by us."""
    signed = b".".join((identifier.encode(), str(seconds).encode(), body))
    signature = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return [
        ("webhook-id", identifier),
        ("webhook-timestamp", str(seconds)),
        ("webhook-signature", f"v1,{signature}"),
    ]
