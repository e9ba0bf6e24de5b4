"""What an experiment showed and what was liked, read in columns that are bounded."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.recommendations.experiments import Experiment
from services.recommendations.feedback import NEUTRAL_RATING
from services.recommendations.state import NUMBER
from services.recommendations.tables import impressions, interactions

MAX_LISTS = 1_000_000  # read for one report, the earliest; some 100 bytes each, and 9 a place
MAX_LIKES = 2_000_000  # of users in the experiment; 52 bytes each
STREAMED = 1_000  # rows at once: some 5 ms of the event loop, which serves lists meanwhile
WINDOW = timedelta(hours=24)  # after it was shown, within which a like counts for it

PROPENSITY = np.dtype("<f4")
ID = np.dtype("S36")  # as long as the column; our ids are hex digits
_UNKNOWN = np.array([np.nan], PROPENSITY).tobytes()


@dataclass(frozen=True)
class Lists:
    """Lists in order of time, in columns: one entry a list; the last three one a place, list after list.

    `users` are codes, `variants` places in the experiment's definition (-1: one that it does not have),
    `propensities` NaN where none was logged. `capped` is whether there were more.
    """

    ids: NDArray[np.bytes_]
    users: NDArray[np.int32]
    variants: NDArray[np.int8]
    times: NDArray[np.float64]
    lengths: NDArray[np.int32]
    items: NDArray[np.int32]
    sources: NDArray[np.uint8]
    propensities: NDArray[np.float32]
    capped: bool


@dataclass(frozen=True)
class Likes:
    """Likes by users of the experiment, in any order. `lists` is the id that came with it, or empty."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    times: NDArray[np.float64]
    lists: NDArray[np.bytes_]
    capped: bool


@dataclass(frozen=True)
class Logs:
    """All that a report is made of."""

    lists: Lists
    likes: Likes


async def read(connection: AsyncConnection, experiment: Experiment, until: datetime) -> Logs:
    """Return what happened in the experiment before `until`; a like may come `WINDOW` after that."""
    codes: dict[str, int] = {}
    lists = await _read_lists(connection, experiment, until, codes)
    return Logs(lists, await _read_likes(connection, experiment, until + WINDOW, codes))


async def _read_lists(
    connection: AsyncConnection, experiment: Experiment, until: datetime, codes: dict[str, int]
) -> Lists:
    places = {variant.name: place for place, variant in enumerate(experiment.variants)}
    ids = bytearray()
    users, variants, lengths = array("i"), array("b"), array("i")
    times, letters = array("d"), bytearray()
    numbers, propensities = bytearray(), bytearray()
    async for part in _stream(connection, _lists(experiment, until)):
        for list_id, user_id, variant, shown_at, shown, sources, chances in part:
            length = len(shown) // NUMBER.itemsize
            ids += list_id.encode().ljust(ID.itemsize, b"\0")
            users.append(codes.setdefault(user_id, len(codes)))
            variants.append(places.get(variant, -1))
            times.append(shown_at.timestamp())
            lengths.append(length)
            numbers += shown
            letters += sources.encode()
            propensities += chances or _UNKNOWN * length
    return Lists(
        np.frombuffer(ids, ID),
        np.array(users, np.int32),
        np.array(variants, np.int8),
        np.array(times, np.float64),
        np.array(lengths, np.int32),
        np.frombuffer(numbers, NUMBER),
        np.frombuffer(letters, np.uint8),
        np.frombuffer(propensities, PROPENSITY),
        len(users) == MAX_LISTS,
    )


async def _read_likes(
    connection: AsyncConnection, experiment: Experiment, until: datetime, codes: dict[str, int]
) -> Likes:
    users, numbers, times, lists = array("i"), array("i"), array("d"), bytearray()
    async for part in _stream(connection, _likes(experiment, until)):
        for user_id, number, occurred_at, list_id in part:
            user = codes.get(user_id)
            if user is None or len(users) == MAX_LIKES:
                continue
            users.append(user)
            numbers.append(number)
            times.append(occurred_at.timestamp())
            lists += _list_id(list_id).ljust(ID.itemsize, b"\0")
    return Likes(
        np.array(users, np.int32),
        np.array(numbers, np.int32),
        np.array(times, np.float64),
        np.frombuffer(lists, ID),
        len(users) == MAX_LIKES,
    )


def _list_id(told: str | None) -> bytes:
    """Return the id as lists have it; one that no list of ours can have is like no list of this report."""
    if told is None:
        return b""
    return told.encode() if told.isascii() and len(told) <= ID.itemsize else b"?"


def _lists(experiment: Experiment, until: datetime) -> Select[Any]:
    columns = impressions.c
    return (
        select(
            columns.recommendation_id,
            columns.user_id,
            columns.variant,
            columns.shown_at,
            columns["items"],
            columns.sources,
            columns.propensities,
        )
        .where(
            columns.workspace == experiment.workspace,
            columns.shown_at >= experiment.started_at,
            columns.shown_at <= until,
            columns.experiment == experiment.name,
        )
        .order_by(columns.shown_at)
        .limit(MAX_LISTS)
    )


def _likes(experiment: Experiment, until: datetime) -> Select[Any]:
    columns = interactions.c
    # Not views: people open what they do not like.
    liked = or_(
        columns.kind.in_(("like", "purchase")),
        and_(columns.kind == "rating", columns.value > NEUTRAL_RATING),
    )
    return select(
        columns.user_id, columns.item_number, columns.occurred_at, columns.recommendation_id
    ).where(
        columns.workspace == experiment.workspace,
        columns.occurred_at >= experiment.started_at,
        columns.occurred_at <= until,
        liked,
    )


async def _stream(connection: AsyncConnection, query: Select[Any]) -> AsyncIterator[Sequence[Any]]:
    found = await connection.stream(query, execution_options={"yield_per": STREAMED})
    async for part in found.partitions():
        yield part
