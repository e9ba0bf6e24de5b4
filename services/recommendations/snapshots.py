"""Reading a snapshot of a workspace for training, in memory that is bounded by its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.recommendations import activity_repository, repository
from services.recommendations.datasets import Dataset, Interactions, latest
from services.recommendations.feedback import DEFAULTS, preference

T = TypeVar("T", bound=np.generic)


async def load(
    connection: AsyncConnection, workspace: str, *, strengths: Mapping[str, float] = DEFAULTS
) -> Dataset:
    """Return the workspace as of now. Rows are streamed: 20 bytes each in columns, a few MB beside."""
    read_at = datetime.now(UTC)
    epoch = (await repository.catalogue_state(connection, workspace)).epoch
    columns = _Columns(strengths)
    async for part in activity_repository.reactions(connection, workspace):
        columns.append(part)
    read, listed = columns.rows, columns.from_lists / max(1, columns.rows)
    interactions = columns.interactions()
    # Read last, so that it has every item that a reaction names.
    items = await repository.changed_items(connection, workspace, -1)
    items.sort(key=lambda item: item.number)
    return Dataset(interactions, items, epoch, read, read_at, listed)


class _Columns:
    """Grows by parts; users get codes in order of appearance, and in order of their ids at the end."""

    def __init__(self, strengths: Mapping[str, float]) -> None:
        self.rows = 0
        self.from_lists = 0
        # Few kinds, few values, many rows.
        self._preference = lru_cache(maxsize=1_000)(partial(preference, strengths=strengths))
        self._codes: dict[str, int] = {}
        self._users: list[NDArray[np.int32]] = [np.zeros(0, np.int32)]
        self._items: list[NDArray[np.int32]] = [np.zeros(0, np.int32)]
        self._weights: list[NDArray[np.float32]] = [np.zeros(0, np.float32)]
        self._times: list[NDArray[np.float64]] = [np.zeros(0, np.float64)]

    def append(self, part: Sequence[Row[str, int, str, float | None, datetime, bool]]) -> None:
        codes = self._codes
        self.rows += len(part)
        users, items, kinds, values, times, listed = zip(*part, strict=True)
        self.from_lists += sum(listed)
        weights = map(self._preference, kinds, values)
        self._users.append(np.array([codes.setdefault(u, len(codes)) for u in users], np.int32))
        self._items.append(np.array(items, np.int32))
        self._weights.append(np.fromiter(weights, np.float32, len(part)))
        self._times.append(np.array([at.timestamp() for at in times], np.float64))

    def interactions(self) -> Interactions:
        """Return what was gathered, and forget it."""
        user_ids = sorted(self._codes)
        rank = np.zeros(len(user_ids), np.int32)
        for position, user_id in enumerate(user_ids):
            rank[self._codes[user_id]] = position
        self._codes.clear()
        users = rank[_joined(self._users)]
        return latest(
            users, _joined(self._items), _joined(self._weights), _joined(self._times), user_ids
        )


def _joined(parts: list[NDArray[T]]) -> NDArray[T]:
    """Return the parts as one array and empty the list: only one column at a time is held twice."""
    joined = np.concatenate(parts)
    parts.clear()
    return joined
