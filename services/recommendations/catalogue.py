"""The catalogue of one workspace, in memory: rows by item number, ready for numpy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

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

    Grows with the catalogue: about 500 bytes an item in Python objects, 1 byte in `eligible` and
    1 byte for each genre that was asked for.
    """

    def __init__(self, epoch: int = 0) -> None:
        self.epoch = epoch
        self.revision = 0
        self.generation = 0  # of what is cached beside it
        self.size = 0  # numbers given so far
        self.eligible: NDArray[np.bool_] = np.zeros(0, dtype=bool)  # listed and not hidden
        self._items: list[Item | None] = []
        self._numbers: dict[str, int] = {}
        self._genres: dict[str, NDArray[np.bool_]] = {}
        self._count = 0

    def apply(self, items: Iterable[Item], revision: int) -> None:
        """Take over new and changed items; afterwards the catalogue is as of `revision`."""
        for item in items:
            self._put(item)
        self.revision = revision
        self._genres.clear()
        self._count = int(np.count_nonzero(self.eligible[: self.size]))

    def _put(self, item: Item) -> None:
        if item.number >= len(self.eligible):
            grown = max(item.number + 1, int(len(self.eligible) * GROWTH), 64)
            self.eligible = np.concatenate(
                [self.eligible, np.zeros(grown - len(self.eligible), dtype=bool)]
            )
            self._items.extend([None] * (grown - len(self._items)))
        self._items[item.number] = item
        self._numbers[item.item_id] = item.number
        self.eligible[item.number] = item.listed and not item.hidden
        self.size = max(self.size, item.number + 1)

    def __getitem__(self, number: int) -> Item:
        item = self._items[number]
        if item is None:
            raise KeyError(number)
        return item

    def __len__(self) -> int:
        """Return how many items may be recommended."""
        return self._count

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Return, per number, whether the item may be recommended."""
        return self.eligible[: self.size]

    def items(self) -> list[Item]:
        """Return all items, those that are only named included."""
        return [item for item in self._items[: self.size] if item is not None]

    def number(self, item_id: str) -> int | None:
        """Return the item's number, or None for one that nobody ever named."""
        return self._numbers.get(item_id)

    def with_genre(self, genre: str) -> NDArray[np.bool_]:
        """Return, per number, whether the item has `genre` (case ignored); kept until a change."""
        wanted = genre.casefold()
        mask = self._genres.get(wanted)
        if mask is None:
            mask = np.zeros(self.size, dtype=bool)
            for item in self._items[: self.size]:
                if item is not None and any(g.casefold() == wanted for g in item.genres):
                    mask[item.number] = True
            if len(self._genres) < MAX_GENRES:
                self._genres[wanted] = mask
        return mask


MAX_GENRES = 200  # masks kept at once; real catalogues have tens of genres
