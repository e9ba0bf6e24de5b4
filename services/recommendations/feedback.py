"""What a reaction says about a taste, as one number: the only place that decides it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray

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
_CODES = {kind: -float(place) for place, kind in enumerate(STRENGTH, start=1)}
DISLIKED = -0.5  # preferences at or below it: never again. A skip (-0.3) may come back
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
    if changes.get("dislike", -1) > DISLIKED:
        raise ValueError(
            f"The strength of 'dislike' must be {DISLIKED} at most: it never comes again."
        )
    return {**DEFAULTS, **changes}


def told(kind: str, value: float | None) -> float:
    """Return a reaction as one number, from which `preferences` reads it: a rating as it is, the other
    kinds as -1, -2, … Logs keep this and no preference, so that other strengths need no other logs.

    Raises:
        ValueError: the kind is unknown.
    """
    if kind == "rating":
        return math.nan if value is None else min(max(value, 0.0), 5.0)
    if kind not in _CODES:
        raise ValueError(f"'{kind}' is not a kind of reaction.")
    return _CODES[kind]


def preferences(
    reactions: NDArray[np.float32], strengths: Mapping[str, float] = DEFAULTS
) -> NDArray[np.float32]:
    """Return the preferences in [-1, 1] that numbers of `told` express; see `preference`."""
    by_code = np.zeros(len(_CODES) + 1, np.float32)
    for kind, code in _CODES.items():
        by_code[int(-code)] = strengths[kind]
    codes = np.where(reactions < 0, -reactions, 0).astype(np.intp)
    rated = strengths.get("rating")
    ratings = (
        np.nan_to_num((reactions - NEUTRAL_RATING) / NEUTRAL_RATING)
        if rated is None
        else np.full(len(reactions), rated, np.float32)
    )
    return np.where(codes > 0, by_code[np.minimum(codes, len(_CODES))], ratings).astype(np.float32)
