from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recommendations.diversity import diversified, genre_likeness

COMEDY, CRIME = ["Comedy"], ["Crime"]


def test_without_diversity_the_order_is_that_of_relevance() -> None:
    relevance = np.array([0.2, 0.9, 0.5], np.float32)
    assert diversified(relevance, np.ones((3, 3), np.float32), 3, diversity=0).tolist() == [1, 2, 0]


def test_with_diversity_the_second_place_goes_to_another_kind() -> None:
    relevance = np.array([1.0, 0.9, 0.8, 0.1], np.float32)
    likeness = genre_likeness([COMEDY, COMEDY, COMEDY, CRIME])
    assert diversified(relevance, likeness, 2, diversity=0.2).tolist() == [0, 1]
    assert diversified(relevance, likeness, 2, diversity=0.7).tolist() == [0, 3]


def test_diversity_brings_in_what_is_less_relevant_and_of_another_kind() -> None:
    kinds = np.arange(90) % 3
    relevance = np.random.default_rng(0).random(90).astype(np.float32) + (kinds == 0)
    likeness = genre_likeness([[f"kind {kind}"] for kind in kinds])

    def kinds_in(diversity: float) -> int:
        return len(set(kinds[diversified(relevance, likeness, 10, diversity=diversity)].tolist()))

    assert [kinds_in(d) for d in (0.0, 0.6, 1.0)] == [1, 3, 3]


@given(n=st.integers(0, 30), count=st.integers(1, 40), diversity=st.floats(0, 1))
def test_places_are_distinct_and_as_many_as_there_can_be(
    n: int, count: int, diversity: float
) -> None:
    generator = np.random.default_rng(n)
    relevance = generator.standard_normal(n).astype(np.float32)
    likeness = generator.uniform(-1, 1, (n, n)).astype(np.float32)
    chosen = diversified(relevance, likeness, count, diversity=diversity)
    assert len(set(chosen.tolist())) == min(n, count)
    if n:
        assert chosen[0] == relevance.argmax()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (COMEDY, COMEDY, 1.0),
        (COMEDY, CRIME, 0.0),
        (["Comedy", "Crime"], COMEDY, 0.5),
        ([], [], 0.0),
    ],
)
def test_likeness_is_the_share_of_common_genres(
    one: list[str], other: list[str], expected: float
) -> None:
    assert genre_likeness([one, other])[0, 1] == expected
