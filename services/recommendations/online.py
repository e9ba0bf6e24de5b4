"""What a replica has learned since the model was made: likes, shows and pairs, from a shared stream.

The worker tells the stream of reactions, serving of lists (`state.reactions_told`, `state.lists_told`);
each replica reads it twice a second. A reaction is told once, when its event was new. Nothing here has
a user's name, and nothing is exact: a crash between the commit and the telling, a stream that was
trimmed before a replica read it, or a Redis that lost it cost some counts and nothing else. A replica
that starts reads what the stream still holds (the last 10,000 entries) and is given what the database
knows of the time before `began` (`recall`).

Grows with the catalogue, 12 bytes an item, and `pairs.MAX_PAIRS`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from services.cache import Cache, CacheUnavailable, Fields
from services.recommendations.feedback import preferences
from services.recommendations.pairs import Bools, Pairs
from services.recommendations.scoring import Floats, History, Ints
from services.recommendations.state import NEW, NUMBER, OLD, REACTION, RECENT, online_key

FOLLOW_SECONDS = 0.5  # between two looks: half of the second within which a list must change
AT_ONCE = 100  # entries, 200 KB when all are full; some 5 ms of the event loop
MAX_TOUCHED = 64  # parts of some thousand numbers that nobody asked for yet; the oldest leave
ROUNDS = 20  # in one look: with full entries 40,000 reactions a second, more than a worker records
LIKES, SHOWS, BESIDE = range(3)  # rows; the last has the likes over the time of the pairs
NOBODY = (np.zeros(0, np.int32), np.zeros(0, np.float32))  # no neighbours


class Online:
    """Likes, shows and pairs of one epoch of a workspace. Used from the event loop alone."""

    def __init__(self) -> None:
        self._counts: Floats = np.zeros((3, 0), np.float32)
        self._pairs = Pairs()
        self._touched: deque[Ints] = deque(maxlen=MAX_TOUCHED)
        self._stream = ""
        self._after = "0"
        self.began: datetime | None = None  # when the oldest entry that was read was told

    @property
    def likes(self) -> Floats:
        """Return, by number, the sum of positive preferences. Items beyond its end have none."""
        likes: Floats = self._counts[LIKES]
        return likes

    @property
    def shows(self) -> Floats:
        """Return, by number, in how many lists an item was. As long as `likes`."""
        shows: Floats = self._counts[SHOWS]
        return shows

    def judge(self, popularity: Floats) -> None:
        """Take over a new model's popularity (`Scorer.popularity`): call it once for each model."""
        self._pairs.judge(popularity)
        self._counts[BESIDE] *= 0.5  # as the pairs do

    def neighbours(self, history: History) -> tuple[Ints, Floats]:
        """Return items too new for the model that people with this history like, with strengths in [0.05, 1].

        At most `pairs.NEIGHBOURS`, the strongest first; about 0.1 ms, nothing while there are no pairs.
        """
        if not len(self._pairs):
            return NOBODY
        inside = history.items < self._counts.shape[1]
        known = History(history.items[inside], history.weights[inside])
        return self._pairs.neighbours(known, self._counts[BESIDE])

    def touched(self) -> Ints:
        """Return the numbers shown or liked since the last call, repeats included."""
        parts = [np.zeros(0, np.int32), *self._touched]
        self._touched.clear()
        return np.concatenate(parts)

    async def follow(self, cache: Cache, workspace: str, generation: int) -> None:
        """Read what was told since the last look. Where the cache is away, all stays as it is."""
        stream = online_key(workspace, generation)
        if stream != self._stream:  # of another generation: what was learned still holds
            self._stream, self._after = stream, "0"
        with suppress(CacheUnavailable):
            for _ in range(ROUNDS):
                after = self._after
                entries = await cache.told(stream, after=after, count=AT_ONCE)
                if (self._stream, self._after) != (stream, after):
                    return  # another look has read it meanwhile
                self.learn([fields for _, fields in entries])
                if entries:
                    self.began = self.began or _time(entries[0][0])
                    self._after = entries[-1][0]
                if len(entries) < AT_ONCE:
                    return

    def learn(self, entries: Sequence[Fields]) -> None:
        """Count what these entries tell."""
        self.recall([_joined(entries, b"shown")], {})
        if reactions := _joined(entries, b"reactions"):
            self._count_reactions(np.frombuffer(reactions, REACTION))

    def recall(self, shown: Iterable[bytes], likes: Mapping[int, int]) -> None:
        """Count what is older than the stream: lists as impressions keep them, and likes by number."""
        numbers = np.frombuffer(b"".join(shown), NUMBER)
        self._add(SHOWS, numbers, np.ones(len(numbers), np.float32))
        liked = np.fromiter(likes.keys(), np.int32, len(likes))
        self._add(LIKES, liked, np.fromiter(likes.values(), np.float32, len(likes)))

    def _count_reactions(self, records: NDArray[np.void]) -> None:
        items, weights, fresh, users = _liked(records)
        self._make_room(items)
        self._add(LIKES, items[fresh], weights[fresh])
        self._add(BESIDE, items[fresh], np.ones(int(fresh.sum()), np.float32))
        self._pairs.add(*_pairs(items, fresh, users))

    def _add(self, row: int, numbers: Ints, amounts: Floats) -> None:
        self._make_room(numbers)
        np.add.at(self._counts[row], numbers, amounts)
        if row != BESIDE and len(numbers):
            self._touched.append(numbers)

    def _make_room(self, numbers: Ints) -> None:
        size, held = int(numbers.max(initial=-1)) + 1, self._counts.shape[1]
        if size > held:
            grown = np.zeros((3, max(size, 2 * held)), np.float32)
            grown[:, :held] = self._counts
            self._counts = grown


def _time(identifier: str) -> datetime:
    """Return when Redis gave the id "milliseconds-n"."""
    return datetime.fromtimestamp(int(identifier.split("-", maxsplit=1)[0]) / 1_000, UTC)


def _joined(entries: Sequence[Fields], field: bytes) -> bytes:
    return b"".join(fields[field] for fields in entries if field in fields)


def _liked(records: NDArray[np.void]) -> tuple[Ints, Floats, Bools, NDArray[np.intp]]:
    """Return the liked items in order: number, preference, whether the reaction is new, and whose it is."""
    items = records["item"]
    marks = (items == OLD) | (items == NEW)
    last_mark = np.maximum.accumulate(np.where(marks, np.arange(len(items)), 0))
    fresh, users = items[last_mark] == NEW, np.cumsum(items == OLD)
    weights = preferences(records["told"])
    liked = (items >= 0) & (weights > 0)
    return items[liked], weights[liked], fresh[liked], users[liked]


def _pairs(items: Ints, fresh: Bools, users: NDArray[np.intp]) -> tuple[Ints, Ints]:
    """Return each new like with each of the `RECENT` likes of the same user before it."""
    first, second = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for lag in range(1, min(RECENT, len(items) - 1) + 1):
        earlier, later = items[:-lag], items[lag:]
        paired = fresh[lag:] & (users[lag:] == users[:-lag]) & (earlier != later)
        first.append(earlier[paired])
        second.append(later[paired])
    return np.concatenate(first), np.concatenate(second)
