"""Recording reactions: once each, in the database first, in the cache after the commit.

A crash between the two is healed by the redelivery: what turns out to be a duplicate makes the cache
forget that user and the counters, and the next read rebuilds them. What replicas learn from (the
stream, see `online`) is not told again: such a crash loses a few counts there, which harms nobody.
"""

from __future__ import annotations

import asyncio
from collections import ChainMap, Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.cache import Cache
from services.database import Database, insert_new
from services.messages.types import InteractionRecorded
from services.recommendations import erasures, repository
from services.recommendations.catalogue import Item
from services.recommendations.feedback import preference
from services.recommendations.state import (
    history_key,
    popularity_key,
    reaction,
    reactions_told,
)
from services.recommendations.tables import interactions

MAX_KNOWN = 2_000_000  # item numbers kept by one worker, about 200 MB; then they are looked up anew
LANES = 2  # transactions for one large batch: while PostgreSQL works for one, we do for the other
LARGE = 400  # reactions; smaller batches are one transaction


@dataclass(frozen=True, slots=True)
class Reaction:
    """An interaction with its event's id and the time at which it was accepted."""

    event_id: str
    accepted_at: datetime
    interaction: InteractionRecorded


@dataclass(slots=True)
class _Known:
    """Item numbers of one workspace, in one epoch of its catalogue and one generation of its caches."""

    epoch: int
    generation: int
    numbers: dict[str, int] = field(default_factory=dict)

    def holds(self, state: repository.CatalogueState) -> bool:
        """Tell whether the numbers still mean the same, and the cache's keys are still in use."""
        return (self.epoch, self.generation) == (state.epoch, state.generation)


class Recorder:
    """Writes reactions. Safe to call again with the same ones, from any number of processes."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache
        self._known: dict[str, _Known] = {}

    async def record(
        self, workspace: str, reactions: Sequence[Reaction], *, follow: bool = True
    ) -> int:
        """Insert the reactions that are new, then let the cache follow; return how many were new.

        Reactions that were accepted before the workspace's last cleanup are dropped. An import does
        without `follow` and voids all that is cached at its end (`Editor.void_caches`).

        Raises:
            DatabaseUnavailable, CacheUnavailable: repeat the call; nothing counts twice.
        """
        count = 1 if self._database.is_sqlite else LANES  # SQLite has one writer at a time
        lanes = _lanes(list({r.event_id: r for r in reactions}.values()), count)
        # Not a task group: the caller tells one error from another by its type.
        outcomes = await asyncio.gather(
            *(self._record(workspace, lane, follow=follow) for lane in lanes),
            return_exceptions=True,
        )
        recorded = 0
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            recorded += outcome
        return recorded

    async def _record(self, workspace: str, reactions: Sequence[Reaction], *, follow: bool) -> int:
        done = None
        while done is None:
            done = await self._try_record(workspace, reactions, follow=follow)
        return done

    async def _try_record(
        self, workspace: str, reactions: Sequence[Reaction], *, follow: bool
    ) -> int | None:
        known, missing = await self._look_up(workspace, reactions)
        counters = popularity_key(workspace, known.generation)
        stamp = await self._cache.stamp(counters) if follow else None  # before the commit
        named: dict[str, int] = {}  # known once they are committed, and not before
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace, shared=not missing)
            state, newest = await erasures.standing(connection, workspace)
            if not known.holds(state):  # a cleanup or an import came between
                self._known.pop(workspace, None)
                return None
            since = state.cleaned_at
            fresh = [r for r in reactions if since is None or r.accepted_at > since]
            fresh = await _wanted(connection, workspace, fresh, newest)
            if missing and fresh:
                named |= await _name(connection, workspace, state, missing)
            numbers = ChainMap(named, known.numbers) if named else known.numbers
            now = datetime.now(UTC)
            # One after another, so that of two reactions at the same time the later one holds.
            rows = [
                _row(workspace, r, numbers, now + timedelta(microseconds=place))
                for place, r in enumerate(fresh)
            ]
            new = await insert_new(
                connection, interactions, rows, returning=interactions.c.event_id
            )
        known.numbers |= named
        if follow:
            await self._follow(workspace, known, fresh, set(new), stamp)
        return len(new)

    async def _look_up(
        self, workspace: str, reactions: Sequence[Reaction]
    ) -> tuple[_Known, list[str]]:
        """Return what is known of the workspace, and the items that have no number yet."""
        known = self._known.get(workspace)
        wanted = {r.interaction.item_id for r in reactions}
        if known is not None and wanted <= known.numbers.keys():
            return known, []
        async with self._database.reading(workspace) as connection:
            state = await repository.catalogue_state(connection, workspace)
            if sum(len(each.numbers) + 1 for each in self._known.values()) > MAX_KNOWN:
                self._known.clear()
            if known is None or not known.holds(state):
                known = self._known[workspace] = _Known(state.epoch, state.generation)
            missing = sorted(wanted - known.numbers.keys())
            found = await repository.items_by_id(connection, workspace, missing)
        known.numbers |= {item_id: item.number for item_id, item in found.items()}
        return known, [item_id for item_id in missing if item_id not in found]

    async def _follow(
        self,
        workspace: str,
        known: _Known,
        reactions: Sequence[Reaction],
        new: set[str],
        stamp: bytes | None,
    ) -> None:
        """Let the cache follow what was committed. Of a duplicate it may have been told or not."""
        counters = popularity_key(workspace, known.generation)
        any_history = history_key(workspace, known.generation, "")
        logs: dict[str, bytes] = {}
        liked: Counter[int] = Counter()
        forget: set[str] = set()
        for each in reactions:
            told = each.interaction
            key = any_history + told.user_id
            in_favour = preference(told.kind, told.value) > 0
            if each.event_id not in new:
                forget |= {key, counters} if in_favour else {key}
                continue
            number = known.numbers[told.item_id]
            record = reaction(number, told.kind, told.value, told.occurred_at)
            logs[key] = logs.get(key, b"") + record
            liked[number] += in_favour
        telling = reactions_told(workspace, known.generation)
        await self._cache.append_many(logs, telling=telling)
        await self._cache.count(counters, +liked, stamp=stamp)
        await self._cache.delete(*forget)


async def _wanted(
    connection: AsyncConnection,
    workspace: str,
    reactions: list[Reaction],
    newest: datetime | None,
) -> list[Reaction]:
    """Return the reactions without those of people who asked to be erased after them, `newest` the last.

    What happened before counts as before, whenever it arrives: a file that is imported again must not
    bring anybody back.
    """
    if not reactions or newest is None:
        return reactions
    earliest = min(map(_earliest, reactions))
    erased = await erasures.since(connection, workspace, earliest, newest)
    if not erased.at:
        return reactions
    return [r for r in reactions if not erased.holds(r.interaction.user_id, _earliest(r))]


def _earliest(reaction: Reaction) -> datetime:
    return min(reaction.accepted_at, reaction.interaction.occurred_at)


async def _name(
    connection: AsyncConnection,
    workspace: str,
    state: repository.CatalogueState,
    item_ids: Sequence[str],
) -> dict[str, int]:
    """Give numbers to items that only events have named so far. Needs the lock alone."""
    found = await repository.items_by_id(connection, workspace, item_ids)
    new = [item_id for item_id in item_ids if item_id not in found]
    stubs = [
        Item(number=state.next_number + i, item_id=item_id, listed=False)
        for i, item_id in enumerate(new)
    ]
    await repository.insert_items(connection, workspace, stubs, state.revision)
    after = replace(state, next_number=state.next_number + len(stubs))
    await repository.save_state(connection, workspace, after)
    return {item.item_id: item.number for item in [*found.values(), *stubs]}


def _lanes(reactions: Sequence[Reaction], count: int) -> list[list[Reaction]]:
    """Part a large batch by user, so that each one's reactions stay in their order."""
    lanes: list[list[Reaction]] = [[] for _ in range(count if len(reactions) >= LARGE else 1)]
    for each in reactions:
        lanes[hash(each.interaction.user_id) % len(lanes)].append(each)
    return lanes


def _row(
    workspace: str, reaction: Reaction, numbers: Mapping[str, int], now: datetime
) -> dict[str, object]:
    told = reaction.interaction
    return {
        "workspace": workspace,
        "event_id": reaction.event_id,
        "user_id": told.user_id,
        "item_number": numbers[told.item_id],
        "kind": told.kind,
        "value": told.value,
        "occurred_at": told.occurred_at,
        "recorded_at": now,
        "recommendation_id": told.recommendation_id,
    }
