"""What may become part of a path."""

from __future__ import annotations

import re

from services.model_store.errors import InvalidName

# 100 characters: with a suffix still far below the 255 bytes that file systems allow.
NAME = r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}\Z"
_name = re.compile(NAME)
_version = re.compile(r"[0-9a-f]+")


def check_name(what: str, name: str) -> str:
    """Return `name` when it is safe as one part of a path.

    Raises:
        InvalidName: it is not; `what` is what the sentence calls it.
    """
    if not is_name(name):
        raise InvalidName(what, name)
    return name


def is_name(name: str) -> bool:
    """Return whether `name` is safe as one part of a path."""
    return _name.match(name) is not None


def is_version(name: str) -> bool:
    """Return whether `name` looks like a version among its neighbours: the aliases, and what others left there."""
    return _version.fullmatch(name) is not None
