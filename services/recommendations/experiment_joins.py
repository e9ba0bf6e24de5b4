"""Which places of lists were liked.

A like belongs to the list whose `recommendation_id` came with it. One that came without belongs to the
latest list of the experiment that showed the item to that user within the 24 hours before it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.recommendations.experiment_logs import WINDOW, Likes, Lists

AT_ONCE = 1_000_000  # places looked at together: some 30 MB
FLAGS = 24  # bits of the number of a flag: 16 MB, of which a million likes set 6 %
_SPREAD = np.uint64(
    0x9E3779B97F4A7C15
)  # 2⁶⁴ / golden ratio (Knuth, TAOCP 3, §6.4: Fibonacci hashing)

Mask = NDArray[np.bool_]
Places = NDArray[np.intp]
Pairs = NDArray[np.int64]


def liked_places(lists: Lists, likes: Likes) -> Mask:
    """Return, per place, whether a like belongs to it. Likes of one place are one."""
    liked = np.zeros(len(lists.items), bool)
    named = likes.lists != b""
    liked[_named(lists, likes, named)] = True
    liked[_latest(lists, likes, ~named)] = True
    return liked


def _named(lists: Lists, likes: Likes, chosen: Mask) -> Places:
    """Return the places of likes that name their list: those whose user and item it was, no others."""
    names, users, items = likes.lists[chosen], likes.users[chosen], likes.items[chosen]
    if not len(lists.ids) or not len(names):
        return np.zeros(0, np.intp)
    order = np.argsort(lists.ids)
    place = np.searchsorted(lists.ids, names, sorter=order)
    found = order[np.minimum(place, len(order) - 1)]
    fits = (lists.ids[found] == names) & (lists.users[found] == users)
    found, items = found[fits], items[fits]
    first = np.cumsum(lists.lengths)[found] - lists.lengths[found]
    places = []
    for offset in range(int(lists.lengths.max())):
        inside = offset < lists.lengths[found]
        at = (first + offset)[inside]
        places.append(at[lists.items[at] == items[inside]])
    return np.concatenate(places) if places else np.zeros(0, np.intp)


def _latest(lists: Lists, likes: Likes, chosen: Mask) -> Places:
    """Return, for each like, the latest place that showed its item to its user within `WINDOW` before."""
    wanted = _pairs(likes.users[chosen], likes.items[chosen])
    places, shown, shown_at = _shown(lists, wanted)
    # Places and likes in one order, by pair and time; the place before a like is the one it belongs to.
    pairs = np.concatenate([shown, wanted])
    times = np.concatenate([shown_at, likes.times[chosen]])
    is_like = np.arange(len(pairs)) >= len(places)
    order = np.lexsort((is_like, times, pairs))
    latest = np.maximum.accumulate(np.where(is_like[order], -1, np.arange(len(order))))
    at, before = order[is_like[order]], latest[is_like[order]]
    at, before = at[before >= 0], order[before[before >= 0]]
    fits = (pairs[at] == pairs[before]) & (times[at] - times[before] <= WINDOW.total_seconds())
    found: Places = places[before[fits]]
    return found


def _shown(lists: Lists, wanted: Pairs) -> tuple[Places, Pairs, NDArray[np.float64]]:
    """Return the places that showed one of these pairs of user and item: with their pairs and times.

    Flags at hashes rule nearly all others out, and let a few through, which belong to no like; sorting
    ten million pairs would take ten seconds.
    """
    flags = np.zeros(1 << FLAGS, bool)
    flags[_hash(wanted)] = True
    ends = np.cumsum(lists.lengths)
    parts: list[tuple[Places, Pairs, NDArray[np.float64]]] = []
    for start in range(0, max(1, len(lists.items)), AT_ONCE):
        places = np.arange(start, min(start + AT_ONCE, len(lists.items)))
        list_of = np.searchsorted(ends, places, side="right")
        pairs = _pairs(lists.users[list_of], lists.items[places])
        kept = flags[_hash(pairs)]
        parts.append((places[kept], pairs[kept], lists.times[list_of[kept]]))
    places, pairs, times = (np.concatenate(column) for column in zip(*parts, strict=True))
    return places, pairs, times


def _hash(pairs: Pairs) -> NDArray[np.uint64]:
    hashes: NDArray[np.uint64] = pairs.view(np.uint64) * _SPREAD >> np.uint64(64 - FLAGS)
    return hashes


def _pairs(users: NDArray[np.int32], items: NDArray[np.int32]) -> Pairs:
    pairs: Pairs = users.astype(np.int64) << 32 | items
    return pairs
