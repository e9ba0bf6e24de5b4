"""What a reaction says about a taste, as one number: the only place that decides it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import cast, get_args

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
DEFAULTS = cast("Mapping[str, float]", STRENGTH)  # for kinds that are still to be checked
NEUTRAL_RATING = 2.5  # the middle of the scale 0..5

# Whoever rated something chose it: what published figures on MovieLens count as positive ("implicit").
RATED_IS_LIKED = {**DEFAULTS, "rating": 1.0}


def preference(
    kind: str, value: float | None = None, *, strengths: Mapping[str, float] = DEFAULTS
) -> float:
    """Return the preference in [-1, 1] that a reaction of this kind expresses.

    A rating is (value - 2.5) / 2.5, its value clamped to 0..5; one without a usable value says nothing (0).
    Where `strengths` has "rating", every rating counts that much, whatever its value.

    Raises:
        ValueError: the kind is unknown.
    """
    strength = strengths.get(kind)
    if strength is not None:
        return strength
    if kind != "rating":
        raise ValueError(f"'{kind}' is not a kind of reaction.")
    if value is None or math.isnan(value):
        return 0.0
    return (min(max(value, 0.0), 5.0) - NEUTRAL_RATING) / NEUTRAL_RATING


def strengths_with(changes: Mapping[str, float]) -> Mapping[str, float]:
    """Return the default strengths with some of them changed, as a setting gives them.

    Raises:
        ValueError: a kind that does not exist, or a strength that is not in [-1, 1]; the sentence names it.
    """
    kinds = get_args(Kind)
    for kind, strength in changes.items():
        if kind not in kinds:
            raise ValueError(f"'{kind}' is not a kind of reaction: {', '.join(kinds)}.")
        if not -1 <= strength <= 1:
            raise ValueError(f"The strength of '{kind}' must be in -1..1, not {strength}.")
    return {**DEFAULTS, **changes}


def fingerprint(strengths: Mapping[str, float]) -> str:
    """Return eight hex digits that differ between strengths, for the keys of what was derived from them."""
    return hashlib.sha256(json.dumps(sorted(strengths.items())).encode()).hexdigest()[:8]
