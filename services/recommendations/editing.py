"""Changing the catalogue, and emptying a workspace."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from services.broker import Broker
from services.cache import Cache, CacheUnavailable
from services.coalescing import Overloaded
from services.database import Database
from services.messages.envelope import Event
from services.messages.types import ItemChanged, Message, PlatformCleaned
from services.model_store import ModelStore
from services.recommendations import repository
from services.recommendations.catalogue import Item
from services.recommendations.listing import new_id
from services.recommendations.state import catalogue_key, prefix
from services.telemetry.logs import request_id

log = logging.getLogger(__name__)

SOURCE = "/akin/recommendations"
MAX_NAMED = (
    1_000  # item ids in one `item.changed` event, so that it stays far below a message's limit
)


class Editor:
    """Writes the catalogue. Every change gives it a new revision, which replicas then load."""

    def __init__(
        self, database: Database, cache: Cache, broker: Broker, models: ModelStore
    ) -> None:
        self._database = database
        self._cache = cache
        self._broker = broker
        self._models = models

    async def upsert(
        self, workspace: str, item_ids: Sequence[str], change: Callable[[Item], Item]
    ) -> tuple[int, int]:
        """Add the items that are new and change the others; return how many of each.

        `change` gets the item as it is (as good as empty when it is new) and returns it as it shall be.
        """
        wanted = list(dict.fromkeys(item_ids))
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace, shared=False)
            state = await repository.catalogue_state(connection, workspace)
            found = await repository.items_by_id(connection, workspace, wanted)
            new = [i for i in wanted if i not in found]
            added = [
                change(Item(number=state.next_number + place, item_id=item_id))
                for place, item_id in enumerate(new)
            ]
            before = [found[i] for i in wanted if i in found]
            pairs = [(item, replace(change(item), listed=True)) for item in before]
            changed = [after for item, after in pairs if after != item]
            if added or changed:
                revision = state.revision + 1
                await repository.insert_items(connection, workspace, added, revision)
                await repository.update_items(connection, workspace, changed, revision)
                number = state.next_number + len(added)
                after = replace(state, revision=revision, next_number=number)
                await repository.save_state(connection, workspace, after)
        if added or changed:
            await self._tell(workspace, [item.item_id for item in [*added, *changed]], "upserted")
        updated = sum(item.listed for item in before)
        return len(wanted) - updated, updated

    async def change(
        self, workspace: str, item_id: str, change: Callable[[Item], Item]
    ) -> Item | None:
        """Change an item of the catalogue and return it as it is now; None where there is none."""
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace, shared=False)
            state = await repository.catalogue_state(connection, workspace)
            item = (await repository.items_by_id(connection, workspace, [item_id])).get(item_id)
            if item is None or not item.listed:
                return None
            after = change(item)
            if after == item:
                return item
            revision = state.revision + 1
            await repository.update_items(connection, workspace, [after], revision)
            await repository.save_state(connection, workspace, replace(state, revision=revision))
        await self._tell(workspace, [item_id], "upserted" if after.listed else "deleted")
        return after

    async def delete(self, workspace: str, item_id: str) -> bool:
        """Take an item out of the catalogue; reactions to it stay. Return whether it was there."""

        def gone(item: Item) -> Item:
            return Item(number=item.number, item_id=item_id, listed=False)

        return await self.change(workspace, item_id, gone) is not None

    async def get(self, workspace: str, item_id: str) -> Item | None:
        """Return an item of the catalogue."""
        async with self._database.reading(workspace) as connection:
            item = (await repository.items_by_id(connection, workspace, [item_id])).get(item_id)
        return item if item is not None and item.listed else None

    async def find(
        self, workspace: str, *, text: str | None, genre: str | None, after: int, limit: int
    ) -> list[Item]:
        """Return items by number, those above `after`."""
        async with self._database.reading(workspace) as connection:
            return await repository.find_items(
                connection, workspace, text_in_title=text, genre=genre, after=after, limit=limit
            )

    async def void_caches(self, workspace: str) -> None:
        """Let every process forget what it cached of this workspace, once it looks at its catalogue."""
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace, shared=False)
            state = await repository.catalogue_state(connection, workspace)
            after = replace(state, generation=state.generation + 1, revision=state.revision + 1)
            await repository.save_state(connection, workspace, after)
        await self._void(workspace)

    async def clean(self, workspace: str) -> None:
        """Delete all that the workspace has here: items, interactions, lists, caches, models.

        Events that were accepted before this moment and still travel are dropped when they arrive; other
        services empty theirs when they are told.

        Raises:
            BrokerUnavailable, Overloaded: they could not be told; repeat the call.
        """
        async with self._database.transaction(workspace) as connection:
            await repository.clean(connection, workspace)
        await asyncio.to_thread(self._models.delete_workspace, workspace)
        try:
            await self._cache.delete_prefix(prefix(workspace))
        except CacheUnavailable as error:  # a new generation has begun: nobody reads it any more
            log.warning("What was cached stays a while.", extra={"reason": str(error)})
        # Other services wait for it: where it cannot be told, the caller repeats the cleanup.
        await self._broker.publish(
            _events(workspace, [PlatformCleaned(cleaned_at=datetime.now(UTC))])
        )

    async def _tell(
        self, workspace: str, item_ids: Sequence[str], change: Literal["upserted", "deleted"]
    ) -> None:
        """Let replicas and other programs know. The key goes first: replicas look at it."""
        await self._void(workspace)
        parts = [item_ids[i : i + MAX_NAMED] for i in range(0, len(item_ids), MAX_NAMED)]
        await self._publish(
            workspace, [ItemChanged(item_ids=tuple(part), change=change) for part in parts]
        )

    async def _void(self, workspace: str) -> None:
        try:
            await self._cache.delete(catalogue_key(workspace))
        except (
            CacheUnavailable
        ) as error:  # replicas without it ask the database; the key is short-lived
            log.warning("Replicas were not told.", extra={"reason": str(error)})

    async def _publish(self, workspace: str, messages: Sequence[Message]) -> None:
        """Tell other programs. The change is committed: that they cannot be told does not undo it."""
        try:
            await self._broker.publish(_events(workspace, messages))
        except (ConnectionError, Overloaded) as error:
            log.warning("An event about the catalogue is lost.", extra={"reason": str(error)})


def _events(workspace: str, messages: Sequence[Message]) -> list[Event]:
    return [
        Event(
            id=new_id(),
            source=SOURCE,
            time=datetime.now(UTC),
            workspace=workspace,
            data=message,
            request_id=request_id.get(),
        )
        for message in messages
    ]


def with_details(
    genres: Mapping[str, Sequence[str]], titles: Mapping[str, str]
) -> Callable[[Item], Item]:
    """Return the change that gives items these genres and, where there are any, titles."""

    def change(item: Item) -> Item:
        title = titles.get(item.item_id, item.title)
        return replace(item, genres=tuple(genres[item.item_id]), title=title)

    return change
