"""Histories as clients send them: ratings of items, some of which the catalogue may not have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from services.messages.types import InteractionRecorded
from services.recommendations.listing import new_id
from services.recommendations.recording import Reaction
from services.recommendations.serving import Workspace


class Rated(Protocol):
    """A rating of an item, as a client sends it."""

    item_id: str
    rating: float


def parted(held: Workspace, history: Sequence[Rated]) -> tuple[list[Rated], list[str]]:
    """Return the ratings of items that the catalogue has, and the ids of the others."""
    known: list[Rated] = []
    ignored: list[str] = []
    for rated in history:
        number = held.catalogue.number(rated.item_id)
        if number is not None and held.catalogue[number].listed:
            known.append(rated)
        else:
            ignored.append(rated.item_id)
    return known, ignored


def anything_new(held: Workspace, history: Sequence[Rated]) -> bool:
    """Tell whether the catalogue has anything beside these."""
    allowed = held.catalogue.mask.copy()
    numbers = [held.catalogue.number(rated.item_id) for rated in history]
    allowed[[number for number in numbers if number is not None]] = False
    return bool(allowed.any())


def reactions_of(user_id: str, history: Sequence[Rated]) -> list[Reaction]:
    """Return the ratings as reactions of now, in their order."""
    now = datetime.now(UTC)
    return [
        Reaction(
            new_id(),
            now,
            InteractionRecorded(
                user_id=user_id,
                item_id=rated.item_id,
                kind="rating",
                value=min(max(rated.rating, 0.0), 5.0),
                # One after another, so that of two ratings of one item the later one holds.
                occurred_at=now + timedelta(microseconds=position),
            ),
        )
        for position, rated in enumerate(history)
    ]
