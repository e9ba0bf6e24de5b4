"""Draws of a whole catalogue that were made ahead, each kept as its best items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.recommendations.scoring import Floats, Ints

ROWS = 64  # draws; propensities are multiples of 1/64
STORED = 512  # best items kept of each; 256 KB for all
SHALLOW = 32  # of these, looked at first: a list takes a few, and most users have seen hardly any
TASTED = 128  # the same, where this user's taste decides among them
FEWEST = 16  # draws that must be able to fill a list's slots, for the shares to mean something
NOBODY = np.float32(-1.0)  # the value at a place that has no item
LOWEST = np.float32(np.finfo(np.float32).min)
FALLING = -np.arange(STORED, dtype=np.float32)  # without a taste the order of a draw decides

Taste = Floats | Callable[[Ints], Floats]  # a score by number, or what gives those of some


class _Head(NamedTuple):
    """The best of each draw in the form in which choosing is fastest: numbers (rows, depth)."""

    numbers: NDArray[np.intp]
    highest: int  # number
    empty: bool  # some places have no item


@dataclass(frozen=True)
class Draws:
    """Numbers and drawn like rates (rows, `STORED`), the best first; `NOBODY` where there is none."""

    numbers: Ints
    values: Floats

    @cached_property
    def _heads(self) -> dict[int, _Head]:
        return {depth: self._head(depth) for depth in (SHALLOW, TASTED, STORED)}

    def _head(self, depth: int) -> _Head:
        numbers = np.ascontiguousarray(self.numbers[:, :depth], np.intp)
        empty = bool((self.values[:, :depth] == NOBODY).any())
        return _Head(numbers, int(numbers.max(initial=-1)), empty)

    def choose(
        self,
        generator: np.random.Generator,
        unseen: NDArray[np.bool_],
        count: int,
        *,
        taste: Taste | None = None,
    ) -> list[tuple[int, float]] | None:
        """Return `count` unseen items of one draw, with the share of draws that have each.

        The best of the draw, or with `taste` the most to this user's taste among its
        best: of what is worth a try, what this user may like. None when too few draws have as many. Every
        draw that has them is equally likely, so the shares are the probabilities with which this user
        gets each item, given the draws.
        """
        for depth in (SHALLOW if taste is None else TASTED, STORED):
            found = self._choose(generator, unseen, count, depth, taste)
            if found is not None:
                return found
        return None

    def _choose(
        self,
        generator: np.random.Generator,
        unseen: NDArray[np.bool_],
        count: int,
        depth: int,
        taste: Taste | None,
    ) -> list[tuple[int, float]] | None:
        if count > depth:
            return None
        numbers, highest, empty = self._heads[depth]
        usable = unseen.take(numbers, mode="clip")
        if empty:
            usable &= self.values[:, :depth] != NOBODY
        if highest >= len(unseen):  # it may have been added after the mask was made
            usable &= numbers < len(unseen)
        liking = FALLING[:depth] if taste is None else _liking(taste, numbers, highest)
        liking = np.where(usable, liking, -np.inf)
        rows, places = np.arange(len(numbers))[:, None], _highest(liking, count)
        full = np.flatnonzero((liking[rows, places] > -np.inf).all(axis=1))
        if len(full) < FEWEST:
            return None
        chosen = numbers[rows, places][full]
        own = chosen[generator.integers(len(full))]
        shares = (chosen.reshape(-1, 1) == own).sum(axis=0) / len(full)
        return list(zip(own.tolist(), shares.tolist(), strict=True))

    def with_items(self, numbers: Ints, values: Floats) -> Draws:
        """Return draws in which these items (k,) have these values (rows, k) and no others."""
        old = np.where(np.isin(self.numbers, numbers), NOBODY, self.values)
        new = np.broadcast_to(numbers, values.shape)
        return best(np.hstack([self.numbers, new]), np.hstack([old, values]))

    def with_rows(self, rows: NDArray[np.intp], other: Draws) -> Draws:
        """Return draws in which `other` has taken the place of these rows."""
        numbers, values = self.numbers.copy(), self.values.copy()
        numbers[rows], values[rows] = other.numbers, other.values
        return Draws(numbers, values)


def best(numbers: Ints, values: Floats) -> Draws:
    """Return the best `STORED` of each row (rows, any number); short rows are filled with nobody."""
    if numbers.shape[1] < STORED:
        room = ((0, 0), (0, STORED - numbers.shape[1]))
        numbers, values = np.pad(numbers, room), np.pad(values, room, constant_values=NOBODY)
    if numbers.shape[1] > STORED:
        kept = np.argpartition(-values, STORED - 1, axis=1)[:, :STORED]
        numbers, values = _at(numbers, kept), np.take_along_axis(values, kept, axis=1)
    order = np.argsort(-values, axis=1)
    return Draws(_at(numbers, order), np.take_along_axis(values, order, axis=1))


def _liking(taste: Taste, numbers: NDArray[np.intp], highest: int) -> Floats:
    """Return the scores of these numbers; the lowest finite one for what is newer than the scores."""
    if callable(taste):
        return taste(numbers.ravel().astype(np.int32)).reshape(numbers.shape)
    if not len(taste):
        return np.full(numbers.shape, LOWEST)
    liking: Floats = taste.take(numbers, mode="clip")
    unknown = ~np.isfinite(liking)
    if highest >= len(taste):
        unknown |= numbers >= len(taste)
    np.copyto(liking, LOWEST, where=unknown)
    return liking


def _highest(values: Floats, count: int) -> NDArray[np.intp]:
    """Return the places of the `count` highest of each row (rows, count), in any order."""
    if count == 1:  # what a list of ten explores: several times as fast
        first: NDArray[np.intp] = values.argmax(axis=1)[:, None]
        return first
    return np.argpartition(-values, count - 1, axis=1)[:, :count]


def _at(numbers: Ints, places: NDArray[np.intp]) -> Ints:
    return np.ascontiguousarray(np.take_along_axis(numbers, places, axis=1), np.int32)
