from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from services.messages.types import Kind
from services.recommendations.feedback import (
    DEFAULTS,
    RATED_IS_LIKED,
    preference,
    preferences,
    strengths_with,
    told,
)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("like", 1.0), ("purchase", 1.0), ("view", 0.3), ("skip", -0.3), ("dislike", -1.0)],
)
def test_each_kind_has_its_strength(kind: str, expected: float) -> None:
    assert preference(kind) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0, -1), (2.5, 0), (3.5, 0.4), (5, 1), (9, 1), (-3, -1)]
)
def test_a_rating_is_centred_on_the_middle_of_its_scale_and_clamped(
    value: float, expected: float
) -> None:
    assert preference("rating", value) == pytest.approx(expected)


@pytest.mark.parametrize("value", [None, float("nan")])
def test_a_rating_without_a_value_says_nothing(value: float | None) -> None:
    assert preference("rating", value) == 0


def test_every_kind_of_event_is_known() -> None:
    assert all(-1 <= preference(kind, 4) <= 1 for kind in get_args(Kind))


def test_an_unknown_kind_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match="'love'"):
        preference("love")


def test_an_installation_may_weigh_kinds_otherwise() -> None:
    strengths = strengths_with({"view": 0.05, "skip": 0.0})
    assert preference("view", strengths=strengths) == 0.05
    assert preference("skip", strengths=strengths) == 0.0
    assert preference("like", strengths=strengths) == 1.0
    assert preference("rating", 5, strengths=strengths) == 1.0
    assert DEFAULTS["view"] == 0.3


def test_every_rating_can_count_as_a_like_whatever_its_value() -> None:
    assert preference("rating", 0.5, strengths=RATED_IS_LIKED) == 1.0
    assert preference("rating", None, strengths=RATED_IS_LIKED) == 1.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"love": 1.0}, "'love' is not a kind"), ({"like": 1.5}, "'like' must be in -1..1")],
)
def test_a_strength_that_makes_no_sense_is_refused(changes: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        strengths_with(changes)
    with pytest.raises(ValueError, match="nan"):
        strengths_with({"view": float("nan")})


def test_what_is_disliked_cannot_be_made_to_come_again() -> None:
    with pytest.raises(ValueError, match="never comes again"):
        strengths_with({"dislike": -0.1})
    assert strengths_with({"dislike": -0.5})["dislike"] == -0.5


@pytest.mark.parametrize("strengths", [DEFAULTS, RATED_IS_LIKED, strengths_with({"view": -0.9})])
def test_what_logs_keep_is_read_as_the_same_preferences(strengths: dict[str, float]) -> None:
    reactions = [(kind, value) for kind in get_args(Kind) for value in (None, -1.0, 0.0, 3.25, 9.0)]
    kept = np.array([told(kind, value) for kind, value in reactions], np.float32)
    expected = [preference(kind, value, strengths=strengths) for kind, value in reactions]
    assert preferences(kept, strengths).tolist() == pytest.approx(expected)
    with pytest.raises(ValueError, match="'love'"):
        told("love", None)
