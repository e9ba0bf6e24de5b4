"""Texts become tokens that do not depend on how they were typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.anomaly_similarity.search.text import LONGEST, fold, grams, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fuite d'huile, côté GAUCHE", ["fuite", "huile", "cote", "gauche"]),
        ("L'échangeur n’est plus étanche", ["echangeur", "est", "plus", "etanche"]),
        ("BUCKET WON'T OPEN", ["bucket", "wont", "open"]),
        ("L/H cyl. u/s", ["l/h", "cyl", "u/s"]),
        ("cœur\x00du\x07moteur", ["coeur", "du", "moteur"]),
        ("", []),
        (" \t\x00 ", []),
    ],
)
def test_a_text_has_these_tokens(text: str, expected: list[str]):
    assert tokens(text) == expected


@given(st.text())
def test_folding_twice_is_folding_once_and_leaves_nothing_to_fold(text: str):
    folded = fold(text)

    assert fold(folded) == folded
    assert not any(ord(letter) < 32 for letter in folded)


def test_an_enormous_text_is_read_to_a_bound():
    assert len(fold("a" * (5 * LONGEST))) == LONGEST


def test_grams_tell_where_a_word_begins_and_ends():
    assert grams("cyl") == [" cy", "cyl", "yl ", " cyl", "cyl ", " cyl "]


def test_a_single_letter_is_one_gram():
    assert grams("x") == [" x "]
