"""What a user did and was shown, as append-only logs in the cache.

A log is a string of fixed-size records that begins with a mark. Appending is one command, reading is
`numpy.frombuffer`, and a log without its mark is a miss, which is rebuilt from the database. Grows
with what the user did (16 bytes a reaction) and was shown (4 bytes an item), and leaves the memory a
week after it was built.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from services.cache import Cache, Telling
from services.database import Database
from services.recommendations import activity_repository
from services.recommendations.feedback import DEFAULTS, DISLIKED, preferences, told
from services.recommendations.scoring import History

REACTION = np.dtype([("item", "<i4"), ("told", "<f4"), ("time", "<f8")])  # `feedback.told`
_one_reaction = struct.Struct("<ifd")  # the same, for one: several times as fast
NUMBER = np.dtype("<i4")
MARK = -1  # where an item's number would be, at the beginning of a log that is whole
OLD, NEW = (
    -2,
    -3,
)  # the same, in what a stream is told of reactions: before the older, before the new
RECENT = 10  # reactions before a new one that a stream is told with it: pairs come from these

MERGED = 10_000  # histories kept as they were merged, about 15 MB: people look more often than they react

_HISTORY_MARK = np.array([(MARK, 0, 0)], REACTION).tobytes()
_OLD_MARK = np.array([(OLD, 0, 0)], REACTION).tobytes()
_NEW_MARK = np.array([(NEW, 0, 0)], REACTION).tobytes()
_SHOWN_MARK = np.array([MARK], NUMBER).tobytes()


@dataclass(frozen=True, slots=True)
class UserState:
    """A user at one moment. `history` has the latest reaction to each item, the newest last;
    `shown` has every item that was shown, the newest last, repeats included."""

    history: History
    shown: NDArray[np.int32]

    @property
    def disliked(self) -> NDArray[np.int32]:
        """Return the items never to be shown again."""
        return self.history.items[self.history.weights <= DISLIKED]


def prefix(workspace: str) -> str:
    """Return what every cache key of a workspace begins with."""
    return f"akin:w:{workspace}:"


def history_key(workspace: str, generation: int, user_id: str) -> str:
    """Return the cache key of what a user did."""
    return f"{prefix(workspace)}{generation}:r:{user_id}"


def shown_key(workspace: str, generation: int, user_id: str) -> str:
    """Return the cache key of what a user was shown."""
    return f"{prefix(workspace)}{generation}:s:{user_id}"


def popularity_key(workspace: str, generation: int) -> str:
    """Return the cache key of the counters of reactions in favour, by item number."""
    return f"{prefix(workspace)}{generation}:popularity"


def catalogue_key(workspace: str) -> str:
    """Return the cache key of where the catalogue stands: "epoch:revision:generation"."""
    return f"{prefix(workspace)}catalogue"


def online_key(workspace: str, generation: int) -> str:
    """Return the cache key of the stream of what happens, from which replicas learn."""
    return f"{prefix(workspace)}{generation}:online"


def reactions_told(workspace: str, generation: int) -> Telling:
    """Return how replicas learn of reactions: the new ones, and what each user did just before."""
    before = RECENT * REACTION.itemsize
    return Telling(online_key(workspace, generation), "reactions", before, _OLD_MARK, _NEW_MARK)


def lists_told(workspace: str, generation: int) -> Telling:
    """Return how replicas learn of lists: the numbers that were shown."""
    return Telling(online_key(workspace, generation), "shown")


def reaction(number: int, kind: str, value: float | None, occurred_at: datetime) -> bytes:
    """Return the record of one reaction."""
    return _one_reaction.pack(number, told(kind, value), occurred_at.timestamp())


def merge(records: NDArray[np.void], strengths: Mapping[str, float] = DEFAULTS) -> History:
    """Return the latest reaction to each item, the newest last. `records` are of `REACTION`."""
    ordered = records[np.argsort(records["time"], kind="stable")]
    backwards = ordered["item"][::-1]
    _, last = np.unique(backwards, return_index=True)
    latest = ordered[len(ordered) - 1 - np.sort(last)[::-1]]
    return History(np.ascontiguousarray(latest["item"]), preferences(latest["told"], strengths))


class UserStates:
    """Reads users' states from the cache, and from the database where the cache has none."""

    def __init__(
        self, database: Database, cache: Cache, strengths: Mapping[str, float] = DEFAULTS
    ) -> None:
        self._database = database
        self._cache = cache
        self._history = lru_cache(MERGED)(partial(_history, strengths=strengths))

    async def decode(
        self,
        workspace: str,
        generation: int,
        user_id: str,
        *,
        history: bytes | None,
        shown: bytes | None,
    ) -> UserState:
        """Return the state from the two logs as the cache gave them; what is not whole is rebuilt."""
        if history is None or not history.startswith(_HISTORY_MARK):
            history = await self._cache.rebuild(
                history_key(workspace, generation, user_id),
                lambda: self._load_history(workspace, user_id),
            )
        if shown is None or not shown.startswith(_SHOWN_MARK):
            shown = await self._cache.rebuild(
                shown_key(workspace, generation, user_id),
                lambda: self._load_shown(workspace, user_id),
            )
        return self._state(history, shown)

    async def from_database(self, workspace: str, user_id: str) -> UserState:
        """Return the state without the cache."""
        history = await self._load_history(workspace, user_id)
        return self._state(history, await self._load_shown(workspace, user_id))

    def _state(self, history: bytes, shown: bytes) -> UserState:
        # A log that was cut in the middle of a record cannot be: appends are atomic.
        return UserState(self._history(history), np.frombuffer(shown, NUMBER)[1:])

    async def _load_history(self, workspace: str, user_id: str) -> bytes:
        async with self._database.reading(workspace) as connection:
            rows = await activity_repository.user_history(connection, workspace, user_id)
        return _HISTORY_MARK + pack(rows)

    async def _load_shown(self, workspace: str, user_id: str) -> bytes:
        async with self._database.reading(workspace) as connection:
            return _SHOWN_MARK + await activity_repository.user_impressions(
                connection, workspace, user_id
            )


def pack(rows: Iterable[tuple[int, str, float | None, datetime]]) -> bytes:
    """Return the records of reactions, in their order."""
    records = [(n, told(kind, value), at.timestamp()) for n, kind, value, at in rows]
    return np.array(records, REACTION).tobytes()


def _history(log: bytes, *, strengths: Mapping[str, float]) -> History:
    return merge(np.frombuffer(log, REACTION)[1:], strengths)
