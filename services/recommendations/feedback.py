"""What a reaction says about a taste, as one number: the only place that decides it."""

from __future__ import annotations

import math
from typing import cast

from services.messages.types import Kind

# How much a reaction tells, from -1 (never again) to 1 (more of this). A view or a skip is a weak sign:
# people open what they do not like, and pass over what they would have liked.
STRENGTH: dict[Kind, float] = {
    "like": 1.0,
    "purchase": 1.0,
    "view": 0.3,
    "skip": -0.3,
    "dislike": -1.0,
}
_STRENGTH = cast("dict[str, float]", STRENGTH)  # for kinds that are still to be checked
NEUTRAL_RATING = 2.5  # the middle of the scale 0..5


def preference(kind: str, value: float | None = None) -> float:
    """Return the preference in [-1, 1] that a reaction of this kind expresses.

    A rating is (value - 2.5) / 2.5, its value clamped to 0..5; one without a usable value says nothing (0).

    Raises:
        ValueError: the kind is unknown.
    """
    if kind == "rating":
        if value is None or math.isnan(value):
            return 0.0
        return (min(max(value, 0.0), 5.0) - NEUTRAL_RATING) / NEUTRAL_RATING
    strength = _STRENGTH.get(kind)
    if strength is None:
        raise ValueError(f"'{kind}' is not a kind of reaction.")
    return strength
