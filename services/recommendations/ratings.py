"""Reading ratings from a file into a snapshot, without a database: a CSV, or a folder of MovieLens."""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

import numpy as np

from services.recommendations.catalogue import Item
from services.recommendations.datasets import Dataset, latest
from services.recommendations.feedback import preference
from services.recommendations.imports import ImportRefused, open_folder
from services.recommendations.models import Progress

TOLD_EVERY = 50_000  # rows between two steps of the progress bar
SEPARATORS = ",;\t"
# Lower case, without blanks, hyphens and underscores.
COLUMNS: Mapping[str, Sequence[str]] = {
    "user": ("user", "userid", "uid", "person", "customer", "customerid"),
    "item": ("item", "itemid", "iid", "movie", "movieid", "film", "product", "productid", "bookid"),
    "rating": ("rating", "value", "score", "stars"),
    "time": ("timestamp", "time", "unixtime", "date", "datetime", "at"),
}


class _Rows:
    """Columns that grow, 20 bytes a row; users and items get numbers in order of appearance."""

    def __init__(self) -> None:
        self._users: dict[str, int] = {}
        self._items: dict[str, int] = {}
        self._codes, self._numbers = array("i"), array("i")
        self._weights, self._times = array("f"), array("d")

    def add(self, user: str, item: str, weight: float, time: float) -> None:
        self._codes.append(self._users.setdefault(user, len(self._users)))
        self._numbers.append(self._items.setdefault(item, len(self._items)))
        self._weights.append(weight)
        self._times.append(time)

    def __len__(self) -> int:
        return len(self._codes)

    def dataset(self, known: Sequence[Item] = ()) -> Dataset:
        """Return the snapshot; `known` are items of which more is known than their ids."""
        times = np.array(self._times, np.float64)
        order = np.argsort(times, kind="stable")
        by_id = {item.item_id: item for item in known}
        ids = [*self._items, *(name for name in by_id if name not in self._items)]
        items = [
            Item(number, name, by_id[name].title, by_id[name].genres, by_id[name].labels)
            if name in by_id
            else Item(number, name)
            for number, name in enumerate(ids)
        ]
        told = latest(
            np.array(self._codes, np.int32)[order],
            np.array(self._numbers, np.int32)[order],
            np.array(self._weights, np.float32)[order],
            times[order],
            list(self._users),
        )
        return Dataset(told, items, read=len(self))


def read_ratings(path: Path, *, progress: Progress = lambda _: None) -> Dataset:
    """Return the ratings of a CSV file, or of a MovieLens folder, with its films.

    The CSV names its columns in its first line: a user, an item and a time (seconds since 1970, or RFC 3339),
    and a rating of 0..5; without the column of ratings, every row is a like.

    Raises:
        ImportRefused: it cannot be read, or a line makes no sense; names the line.
    """
    if path.is_dir():
        return _folder(path)
    rows = _Rows()
    try:
        with path.open("rb") as raw:
            file = TextIOWrapper(raw, encoding="utf-8-sig", newline="")
            size = max(1, path.stat().st_size)
            for row in _parsed(path, file):
                rows.add(*row)
                if len(rows) % TOLD_EVERY == 0:
                    progress(min(1.0, raw.tell() / size))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ImportRefused(f"{path} cannot be read as CSV: {error}.") from error
    if not len(rows):
        raise ImportRefused(f"{path} has no ratings.")
    return rows.dataset()


def _folder(path: Path) -> Dataset:
    """Rows that cannot be read are left out, as `akin import movielens` leaves them out."""
    folder, rows = open_folder(path), _Rows()
    films = [
        Item(-1, film.item_id, film.title, film.genres, film.labels)
        for batch in folder.items()
        for film in batch.rows
    ]
    for batch in folder.interactions():
        for each in (row.interaction for row in batch.rows):
            weight = preference(each.kind, each.value)
            rows.add(each.user_id, each.item_id, weight, each.occurred_at.timestamp())
    return rows.dataset(films)


def _parsed(path: Path, file: TextIO) -> Iterator[tuple[str, str, float, float]]:
    """Yield user, item, preference and time of each line."""
    header = file.readline()
    separator = max(SEPARATORS, key=header.count)
    place = _places(path, next(csv.reader([header], delimiter=separator), []))
    for line, cells in enumerate(csv.reader(file, delimiter=separator), 2):
        if not cells:
            continue
        try:
            user, item = cells[place["user"]].strip(), cells[place["item"]].strip()
            if not user or not item:
                raise ValueError("the user or the item is empty")
            weight = _weight(cells[place["rating"]]) if "rating" in place else 1.0
            yield user, item, weight, _seconds(cells[place["time"]])
        except IndexError as error:
            raise ImportRefused(f"{path}, line {line}: a column is missing.") from error
        except ValueError as error:
            raise ImportRefused(f"{path}, line {line}: {error}.") from error


def _places(path: Path, header: Sequence[str]) -> dict[str, int]:
    """Return which column is what."""
    names = ["".join(c for c in name.lower() if c.isalnum()) for name in header]
    found = {
        what: names.index(name)
        for what, known in COLUMNS.items()
        for name in known[::-1]
        if name in names
    }
    missing = [what for what in ("user", "item", "time") if what not in found]
    if missing:
        wanted = "; ".join(f"{what}: {', '.join(COLUMNS[what])}" for what in missing)
        raise ImportRefused(
            f"{path} has no column for the {' and the '.join(missing)}. Its first line must name the "
            f"columns ({wanted}); it has {', '.join(header) or 'nothing'}."
        )
    return found


def _weight(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 5:
        raise ValueError(f"the rating {text.strip()} is not in 0..5")
    return preference("rating", value)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text.strip())
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if not math.isfinite(seconds):
        raise ValueError(f"the time {text.strip()} is not finite")
    return seconds
