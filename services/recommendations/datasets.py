"""What models learn from: a snapshot of a workspace, in columns, and its split in time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.recommendations.catalogue import Item
from services.recommendations.scoring import History

HOLDOUT = 0.2  # the newest part of the interactions, by which models are judged
# One cut in time for everybody is the honest split, but it needs people on both sides of the cut to
# judge by: with fewer, the interval of a difference is wider than the differences between models.
USERS_FOR_A_GLOBAL_CUT = 200


class NotEnoughData(Exception):
    """There is nothing to learn from yet; the sentence says what is missing."""


@dataclass(frozen=True)
class Interactions:
    """The latest reaction of each user to each item, ordered by user and time.

    Columns of equal length: `users` codes into `user_ids`, `items` numbers, `weights` preferences in
    [-1, 1], `times` seconds since 1970.
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    weights: NDArray[np.float32]
    times: NDArray[np.float64]
    user_ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.users)

    def where(self, chosen: NDArray[np.bool_]) -> Interactions:
        """Return the chosen rows; the codes of the users stay what they are."""
        return replace(
            self,
            users=self.users[chosen],
            items=self.items[chosen],
            weights=self.weights[chosen],
            times=self.times[chosen],
        )

    @property
    def liked(self) -> Interactions:
        """The positive reactions: a copy, some milliseconds a million rows, that nobody keeps."""
        return self.where(self.weights > 0)

    @cached_property
    def starts(self) -> NDArray[np.intp]:
        """(users + 1,): user u has the rows from starts[u] to starts[u + 1]."""
        return np.searchsorted(self.users, np.arange(len(self.user_ids) + 1))

    def history(self, user: int) -> History:
        """Return what a user did, the newest last; a view, no copy."""
        rows = slice(self.starts[user], self.starts[user + 1])
        return History(self.items[rows], self.weights[rows])


@dataclass(frozen=True)
class Dataset:
    """A snapshot: interactions, items, and the catalogue's epoch, in which the item numbers hold.

    `read` is how many reactions there were, those that later ones replaced included.
    """

    interactions: Interactions
    items: Sequence[Item]
    epoch: int = 0
    read: int = 0
    read_at: datetime | None = None  # when reading began
    from_lists: float = 0.0  # share of the reactions that answer a list

    @cached_property
    def size(self) -> int:
        """Rows that an array by item number needs."""
        listed = max((item.number for item in self.items), default=-1)
        return max(listed, int(self.interactions.items.max(initial=-1))) + 1

    @cached_property
    def sha256(self) -> str:
        """The hash of all that a model can see: equal snapshots have equal hashes."""
        digest = hashlib.sha256()
        rows = self.interactions
        for column in (rows.users, rows.items, rows.weights, rows.times):
            digest.update(np.ascontiguousarray(column).data)
        digest.update(json.dumps(list(rows.user_ids)).encode())
        for item in self.items:
            visible = (
                item.number,
                item.genres,
                sorted(item.labels.items()),
                item.hidden,
                item.listed,
            )
            digest.update(json.dumps(visible).encode())
        return digest.hexdigest()

    def only(self, interactions: Interactions) -> Dataset:
        """Return the same catalogue with some of the interactions."""
        return replace(self, interactions=interactions)


@dataclass(frozen=True)
class Split:
    """Two parts of the interactions, the later one to judge by; `protocol` says how they were parted."""

    train: Interactions
    holdout: Interactions
    protocol: str


def from_columns(
    users: Sequence[str],
    items: Sequence[int],
    weights: Sequence[float],
    times: Sequence[float],
) -> Interactions:
    """Return interactions from rows in any order; of reactions at the same time the last one is newer."""
    user_ids, codes = np.unique(np.array(users, dtype=object), return_inverse=True)
    order = np.argsort(times, kind="stable")
    return latest(
        codes.astype(np.int32)[order],
        np.array(items, np.int32)[order],
        np.array(weights, np.float32)[order],
        np.array(times, np.float64)[order],
        [str(user) for user in user_ids],
    )


def latest(
    users: NDArray[np.int32],
    items: NDArray[np.int32],
    weights: NDArray[np.float32],
    times: NDArray[np.float64],
    user_ids: Sequence[str],
) -> Interactions:
    """Return the last row of each (user, item) of rows in order of time, ordered as `Interactions` promises.

    Holds 24 bytes a row at most beside its input.
    """
    pairs = users.astype(np.int64) << 32 | items
    order = np.argsort(pairs, kind="stable")
    kept = np.ones(len(pairs), bool)
    kept[order[:-1]] = pairs[order[:-1]] != pairs[order[1:]]
    del pairs, order
    rows = np.flatnonzero(kept)
    rows = rows[np.argsort(users[rows], kind="stable")]
    return Interactions(users[rows], items[rows], weights[rows], times[rows], user_ids)


def split(interactions: Interactions) -> Split:
    """Part the interactions by time: at one moment for all, or, with few users, at each user's own."""
    parts = split_at_one_moment(interactions)
    if len(np.intersect1d(parts.holdout.users, parts.train.users)) >= USERS_FOR_A_GLOBAL_CUT:
        return parts
    return split_each_user(interactions)


def split_at_one_moment(interactions: Interactions) -> Split:
    """Hold out the newest fifth of all; equal times fall on the same side of the cut."""
    cut = np.quantile(interactions.times, 1 - HOLDOUT, method="lower") if len(interactions) else 0.0
    return _parted(interactions, interactions.times > cut, "one cut in time")


def split_each_user(interactions: Interactions) -> Split:
    """Hold out the newest fifth of each user, rounded up; equal times are in order of arrival.

    Whoever has two reactions has one to judge by; whoever has one has it to learn from.
    """
    counts = np.diff(interactions.starts)
    fifth = np.ceil(np.round(counts * HOLDOUT, 6)).astype(int)  # 35 · 0.2 is 7.000000000000001
    held_out = np.where(counts >= 2, fifth, 0)
    return _parted(
        interactions, _last(interactions, held_out), f"the last {HOLDOUT:.0%} of each user"
    )


def split_last_out(interactions: Interactions) -> Split:
    """Hold out each user's last positive reaction; what came after it is in neither part."""
    liked = interactions.weights > 0
    places = np.where(liked, np.arange(len(interactions)), -1)
    last = np.full(len(interactions.user_ids), -1)
    np.maximum.at(last, interactions.users, places)
    before = np.arange(len(interactions)) < last[interactions.users]
    judged = np.unique(interactions.users[before])  # nobody who would have no history at all
    chosen = np.sort(last[judged])
    later = np.zeros(len(interactions), bool)
    later[chosen] = True
    known = before | ~np.isin(interactions.users, judged)
    protocol = "the last positive reaction of each user"
    return Split(interactions.where(known), interactions.where(later), protocol)


def rated(interactions: Interactions) -> Interactions:
    """Return every reaction as a positive one of full weight, as the literature's implicit protocols do."""
    return replace(interactions, weights=np.ones_like(interactions.weights))


def _parted(interactions: Interactions, later: NDArray[np.bool_], protocol: str) -> Split:
    return Split(interactions.where(~later), interactions.where(later), protocol)


def _last(interactions: Interactions, counts: NDArray[np.int_]) -> NDArray[np.bool_]:
    """Return which rows are among the newest `counts[user]` of their user."""
    first = interactions.starts[1:] - counts
    later: NDArray[np.bool_] = np.arange(len(interactions)) >= first[interactions.users]
    return later
