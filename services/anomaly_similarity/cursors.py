"""Cursors: where a page ended, opaque to clients."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

import orjson

from services.web.errors import Unprocessable


def encode(*ended: datetime | str) -> str:
    """Return the opaque form of what the last record of a page is ordered by."""
    return base64.urlsafe_b64encode(orjson.dumps(ended)).decode()


def after_id(cursor: str | None) -> str:
    """Return the id that a page ended with; the empty one, before all, for no cursor.

    Raises:
        Unprocessable: it is not one of ours.
    """
    (identifier,) = _decode(cursor, 1) if cursor is not None else ("",)
    return identifier


def after_time(cursor: str | None) -> tuple[datetime, str] | None:
    """Return the time and the id that a page ended with; None for no cursor.

    Raises:
        Unprocessable: it is not one of ours.
    """
    if cursor is None:
        return None
    at, identifier = _decode(cursor, 2)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise _not_ours() from error
    if moment.tzinfo is None:
        raise _not_ours()
    return moment, identifier


def _decode(cursor: str, length: int) -> list[str]:
    try:
        parts = orjson.loads(base64.b64decode(cursor.encode(), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as error:
        raise _not_ours() from error
    if not isinstance(parts, list) or len(parts) != length:
        raise _not_ours()
    if not all(isinstance(part, str) and "\x00" not in part for part in parts):
        raise _not_ours()
    return parts


def _not_ours() -> Unprocessable:
    detail = {"field": "query.cursor", "message": "not a cursor of this listing"}
    return Unprocessable("The cursor does not fit.", details=[detail])
