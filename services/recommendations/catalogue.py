"""The catalogue of one workspace, in memory: rows by item number, ready for numpy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

MAX_MASKS = 200  # genres whose masks are kept; real catalogues have tens
GROWTH = 1.5  # arrays grow by this factor, so that adding items one by one stays linear


@dataclass(frozen=True, slots=True)
class Item:
    """An item. `number` is its row in every array; `listed` is False for one that is only named."""

    number: int
    item_id: str
    title: str | None = None
    genres: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    published_at: datetime | None = None
    hidden: bool = False
    listed: bool = True


class Catalogue:
    """All items of one workspace as of `revision`, within one `epoch` (which a cleanup ends).

    Grows with the catalogue: about 500 bytes an item in Python objects, 3 bytes in arrays and
    1 byte for each genre that was asked for, 200 at most.
    """

    def __init__(self, epoch: int = 0) -> None:
        self.epoch = epoch
        self.revision = 0
        self.generation = 0  # of what is cached beside it
        self.size = 0  # numbers given so far
        self.eligible: NDArray[np.bool_] = np.zeros(0, dtype=bool)  # listed and not hidden
        self._genre_counts: NDArray[np.int16] = np.zeros(0, dtype=np.int16)
        self._items: list[Item | None] = []
        self._numbers: dict[str, int] = {}
        self._by_genre: dict[str, set[int]] = {}
        self._masks: dict[str, NDArray[np.bool_]] = {}

    def apply(self, items: Iterable[Item], revision: int) -> None:
        """Take over new and changed items; afterwards the catalogue is as of `revision`."""
        for item in items:
            self._put(item)
        self.revision = revision

    def _put(self, item: Item) -> None:
        self._masks.clear()
        if item.number >= len(self.eligible):
            grown = max(item.number + 1, int(len(self.eligible) * GROWTH), 64)
            self.eligible = np.concatenate(
                [self.eligible, np.zeros(grown - len(self.eligible), dtype=bool)]
            )
            self._genre_counts = np.concatenate(
                [self._genre_counts, np.zeros(grown - len(self._genre_counts), dtype=np.int16)]
            )
            self._items.extend([None] * (grown - len(self._items)))
        before = self._items[item.number]
        for genre in before.genres if before else ():
            self._by_genre[genre.casefold()].discard(item.number)
        for genre in item.genres:
            self._by_genre.setdefault(genre.casefold(), set()).add(item.number)
        self._items[item.number] = item
        self._genre_counts[item.number] = len({genre.casefold() for genre in item.genres})
        self._numbers[item.item_id] = item.number
        self.eligible[item.number] = item.listed and not item.hidden
        self.size = max(self.size, item.number + 1)

    def __getitem__(self, number: int) -> Item:
        item = self._items[number]
        if item is None:
            raise KeyError(number)
        return item

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Return, per number, whether the item may be recommended."""
        return self.eligible[: self.size]

    @property
    def genre_counts(self) -> NDArray[np.int16]:
        """Return, per number, how many genres the item has."""
        return self._genre_counts[: self.size]

    def items(self) -> list[Item]:
        """Return all items, those that are only named included."""
        return [item for item in self._items[: self.size] if item is not None]

    def number(self, item_id: str) -> int | None:
        """Return the item's number, or None for one that nobody ever named."""
        return self._numbers.get(item_id)

    def with_genre(self, genre: str) -> NDArray[np.bool_]:
        """Return, per number, whether the item has `genre` (case ignored); kept until a change."""
        wanted = genre.casefold()
        mask = self._masks.get(wanted)
        if mask is None:
            mask = np.zeros(self.size, dtype=bool)
            mask[list(self._by_genre.get(wanted, ()))] = True
            if wanted in self._by_genre and len(self._masks) < MAX_MASKS:
                self._masks[wanted] = mask
        return mask
