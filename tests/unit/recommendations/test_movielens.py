from __future__ import annotations

import pytest

from services.recommendations.movielens import LAYOUTS, Damaged, Layout, Rated

LATEST, ML_1M, ML_100K = LAYOUTS
TOY_STORY = (
    "1|Toy Story (1995)|01-Jan-1995||http://x|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0"  # ml-100k
)


@pytest.mark.parametrize(
    ("layout", "line"),
    [
        (LATEST, "1,Toy Story (1995),Animation|Children's|Comedy"),
        (LATEST, '1,"Toy Story (1995)",Animation|Children\'s|Comedy'),
        (ML_1M, "1::Toy Story (1995)::Animation|Children's|Comedy"),
        (ML_100K, TOY_STORY),
    ],
)
def test_a_film_is_the_same_in_every_layout(layout: Layout, line: str) -> None:
    film = layout.film(line)
    assert (film.item_id, film.title, film.year) == ("1", "Toy Story (1995)", "1995")
    assert film.genres == ("Animation", "Children's", "Comedy")


@pytest.mark.parametrize(
    ("layout", "line"),
    [
        (LATEST, "3,7,4.5,978300760"),
        (ML_1M, "3::7::4.5::978300760"),
        (ML_100K, "3\t7\t4.5\t978300760"),
    ],
)
def test_a_rating_is_the_same_in_every_layout(layout: Layout, line: str) -> None:
    assert layout.rating(line) == Rated("3", "7", 4.5, 978300760)


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("Wedding Singer, The (1998)", "The Wedding Singer (1998)"),
        ("Fish Called Wanda, A (1988)", "A Fish Called Wanda (1988)"),
        ("Enfer, L' (1994)", "L'Enfer (1994)"),
        ("Boot, Das (Boat, The) (1981)", "Das Boot (The Boat) (1981)"),
        ("Vitelloni, I (a.k.a. Young, The) (1953)", "I Vitelloni (a.k.a. The Young) (1953)"),
        ("Good, the Bad and the Ugly, The (1966)", "The Good, the Bad and the Ugly (1966)"),
        ("Paris, Texas (1984)", "Paris, Texas (1984)"),
        ("I, Robot (2004)", "I, Robot (2004)"),
        ("Untitled, The", "The Untitled"),
    ],
)
def test_an_article_stands_before_the_title(written: str, title: str) -> None:
    assert LATEST.film(f'11,"{written}",Drama').title == title


def test_a_film_may_have_neither_year_nor_genre() -> None:
    film = LATEST.film("9,Untitled,(no genres listed)")
    assert (film.year, film.genres) == (None, ())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1,Toy Story (1995)", "2 columns instead of 3"),
        ("x,Toy Story (1995),Drama", "film's id"),
        ("1,,Drama", "title"),
        ("1,Toy\x00Story,Drama", "title"),
        (f"1,{'x' * 501},Drama", "title"),
        ("1,Toy Story,Dra\tma", "genre"),
        ('1,"Toy Story (1995),Drama', "quotes"),
    ],
)
def test_a_damaged_film_is_refused_with_its_reason(line: str, reason: str) -> None:
    with pytest.raises(Damaged, match=reason):
        LATEST.film(line)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1,2,3", "3 columns instead of 4"),
        ("1,2,5.5,978300760", "rating"),
        ("1,2,-1,978300760", "rating"),
        ("1,2,nan,978300760", "rating"),
        ("1,2,good,978300760", "rating"),
        ("1,2,٣,978300760", "rating"),
        ("1,2,3,0", "timestamp"),
        ("1,2,3,-5", "timestamp"),
        ("1,2,3,yesterday", "timestamp"),
        ("u,2,3,978300760", "user's id"),
        ("1,,3,978300760", "film's id"),
    ],
)
def test_a_damaged_rating_is_refused_with_its_reason(line: str, reason: str) -> None:
    with pytest.raises(Damaged, match=reason):
        LATEST.rating(line)


def test_a_flag_that_is_neither_set_nor_unset_is_refused() -> None:
    with pytest.raises(Damaged, match="flag"):
        ML_100K.film(TOY_STORY.replace("|1|1|1|", "|1|7|1|"))


def test_the_older_sets_are_read_as_latin_1_and_the_newer_ones_are_not() -> None:
    assert ML_1M.decode("Misérables".encode("latin-1")) == "Misérables"
    assert ML_1M.decode("Misérables".encode()) == "Misérables"
    with pytest.raises(Damaged, match="UTF-8"):
        LATEST.decode("Misérables".encode("latin-1"))
