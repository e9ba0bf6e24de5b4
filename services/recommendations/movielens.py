"""The formats of MovieLens, a line at a time. Source: the README of each data set (grouplens.org)."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LONGEST_TITLE = 500  # characters, as the catalogue stores it
LONGEST_GENRE = 100
NO_GENRE = {"", "(no genres listed)", "unknown"}
# The 19 flags at the end of a line of u.item.
FLAGS = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
]

_id = re.compile(r"[0-9]{1,20}")
_rating = re.compile(r"[0-9](\.[0-9]{1,6})?")
_timestamp = re.compile(r"[0-9]{1,12}")
# "Wedding Singer, The (1998)" is sorted by its name; the same in brackets, where the original title stands.
_article = re.compile(
    r"(^|\((?:a\.k\.a\. )?)([^()]*), (The|An?|L[aeo]s?|L'|El|Il?|D[ei]e|Das|De[rnt]?|En|Une?)(?= \(|\)|$)"
)
_year = re.compile(r"\(([12][0-9]{3})\)\s*$")


class Damaged(ValueError):
    """A line that cannot be read; the sentence says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Film:
    """A film; the year is that at the end of its title."""

    item_id: str
    title: str
    genres: tuple[str, ...]
    year: str | None


@dataclass(frozen=True, slots=True)
class Rated:
    """A rating of 0..5 at a time in seconds since 1970."""

    user_id: str
    item_id: str
    rating: float
    timestamp: int


@dataclass(frozen=True, slots=True)
class Layout:
    """How a family of data sets is written."""

    names: str
    items_file: str
    ratings_file: str
    item_columns: Callable[[str], Sequence[str]]  # a line -> id, title, genres joined by |
    rating_separator: str
    utf8_only: bool

    def decode(self, line: bytes) -> str:
        """Return the line's text. The older sets are in Latin-1, except ml-10m, which is in UTF-8."""
        try:
            return line.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if self.utf8_only:
                raise Damaged("the text is not UTF-8") from error
        return line.decode("latin-1")

    def is_header(self, text: str) -> bool:
        """Tell whether this first line names the columns."""
        return text.lower().startswith(("movieid,", "userid,"))

    def film(self, text: str) -> Film:
        """Return the film of a line; raise `Damaged`."""
        item_id, title, joined = _columns(self.item_columns(text), 3)
        title = _as_spoken(title.strip())
        if not title or len(title) > LONGEST_TITLE or not title.isprintable():
            raise Damaged(f"the title is empty, unprintable or over {LONGEST_TITLE} characters")
        genres = tuple(g for g in dict.fromkeys(joined.split("|")) if g.strip() not in NO_GENRE)
        if any(len(genre) > LONGEST_GENRE or not genre.isprintable() for genre in genres):
            raise Damaged(f"a genre is unprintable or over {LONGEST_GENRE} characters")
        year = _year.search(title)
        return Film(_number(item_id, "film"), title, genres, year and year[1])

    def rating(self, text: str) -> Rated:
        """Return the rating of a line; raise `Damaged`."""
        user_id, item_id, rating, timestamp = _columns(text.split(self.rating_separator), 4)
        if not _rating.fullmatch(rating) or float(rating) > 5:
            raise Damaged("the rating is not a number of 0..5")
        if not _timestamp.fullmatch(timestamp) or int(timestamp) == 0:
            raise Damaged("the timestamp is not a number of seconds since 1970")
        return Rated(
            _number(user_id, "user"), _number(item_id, "film"), float(rating), int(timestamp)
        )


def _as_spoken(title: str) -> str:
    """Return a title with its article before it."""

    def turned(found: re.Match[str]) -> str:
        before, name, article = found.groups()
        return f"{before}{article}{'' if article.endswith(chr(39)) else ' '}{name}"

    return _article.sub(turned, title)


def _columns(columns: Sequence[str], count: int) -> Sequence[str]:
    if len(columns) != count:
        raise Damaged(f"there are {len(columns)} columns instead of {count}")
    return columns


def _number(text: str, what: str) -> str:
    if not _id.fullmatch(text):
        raise Damaged(f"the {what}'s id is not a number")
    return text


def _csv(text: str) -> Sequence[str]:
    try:
        return next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration) as error:
        raise Damaged(f"the quotes do not fit ({error})") from error


def _flagged(text: str) -> Sequence[str]:
    """u.item: id | title | release | video release | address | 19 flags."""
    columns = _columns(text.split("|"), 5 + len(FLAGS))
    flags = columns[5:]
    if not set(flags) <= {"0", "1"}:
        raise Damaged("a genre's flag is neither 0 nor 1")
    genres = [genre for genre, flag in zip(FLAGS, flags, strict=True) if flag == "1"]
    return [columns[0], columns[1], "|".join(genres)]


LAYOUTS = (
    Layout("ml-latest-small, ml-25m", "movies.csv", "ratings.csv", _csv, ",", utf8_only=True),
    Layout(
        "ml-1m",
        "movies.dat",
        "ratings.dat",
        lambda text: text.split("::"),
        "::",
        utf8_only=False,
    ),
    Layout("ml-100k", "u.item", "u.data", _flagged, "\t", utf8_only=False),
)
