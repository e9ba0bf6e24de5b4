"""Erasing a person: rows and caches at once, what still travels when it arrives, models with the next one.

The request deletes what it can within its time. The worker goes over it again when `user.erased`, which
queues behind what the person did before, has reached it: by then whatever was being written or cached at
the moment of the request has been.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

from services.broker import Broker
from services.cache import Cache, CacheUnavailable
from services.database import Database
from services.messages.envelope import Event
from services.messages.types import UserErased
from services.model_store import DamagedVersion, Manifest, ModelStore, UnknownVersion
from services.recommendations import erasures, repository
from services.recommendations.editing import SOURCE
from services.recommendations.erasures import Receipt
from services.recommendations.listing import new_id
from services.recommendations.loading import MODEL
from services.recommendations.state import history_key, online_key, popularity_key, shown_key
from services.telemetry.logs import request_id

log = logging.getLogger(__name__)

PATIENCE = 2.0  # seconds that a request spends on rows; some 100,000. The worker deletes the rest
READ_AT = (
    "read_at"  # in a manifest's protocol: when the snapshot was begun that a model learned from
)


class Eraser:
    """Deletes what is known of a person. Safe to call again, from any number of processes."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    async def erase(
        self, workspace: str, user_id: str, until: datetime, *, patience: float = float("inf")
    ) -> bool:
        """Delete what was written by `until`; return whether all rows are gone within `patience` seconds.

        Raises:
            DatabaseUnavailable, CacheUnavailable: repeat the call.
        """
        done = await self._delete_rows(workspace, user_id, until, patience)
        async with self._database.reading(workspace) as connection:
            generation = (await repository.catalogue_state(connection, workspace)).generation
        # Last: what a reader rebuilds before this is rebuilt from rows that may still be there. Earlier
        # generations are read by nobody, but stay in Redis for a week.
        of_user = [
            key(workspace, each, user_id)
            for each in range(generation + 1)
            for key in (history_key, shown_key)
        ]
        # Counters are rebuilt without the user. The stream has no names, but what they did and when.
        counted = [key(workspace, generation) for key in (popularity_key, online_key)]
        await self._cache.delete(*of_user, *counted)
        return done

    async def _delete_rows(
        self, workspace: str, user_id: str, until: datetime, patience: float
    ) -> bool:
        began = monotonic()
        while True:
            async with self._database.transaction(workspace) as connection:
                deleted = await erasures.delete_rows(connection, workspace, user_id, until)
                if not deleted:
                    await erasures.mark(connection, workspace, user_id, until, "rows_done_at")
                    return True
            if monotonic() - began > patience:
                return False

    async def finish(self, workspace: str, told: UserErased) -> None:
        """Do what the request left, and again what it did, and note that it is done: for the worker.

        Raises:
            DatabaseUnavailable, CacheUnavailable: repeat the call.
        """
        user_id, until = told.user_id, told.requested_at
        await self.erase(workspace, user_id, until)
        async with self._database.transaction(workspace) as connection:
            await erasures.mark(connection, workspace, user_id, until, "caches_done_at")


class Erasures:
    """What people ask for: to be erased, and how far that is."""

    def __init__(
        self, database: Database, cache: Cache, broker: Broker, models: ModelStore
    ) -> None:
        self._database = database
        self._broker = broker
        self._models = models
        self._eraser = Eraser(database, cache)

    async def ask(self, workspace: str, user_id: str) -> Receipt:
        """Erase a user, known or not, and return the receipt. The user is a stranger afterwards.

        Raises:
            DatabaseUnavailable, BrokerUnavailable: repeat the call; there will be another receipt.
        """
        async with self._database.transaction(workspace) as connection:
            made = await erasures.ask(connection, workspace, user_id, new_id())
        # Durable before anything is deleted: from here on the worker ends what is begun.
        await self._publish(workspace, UserErased(user_id=user_id, requested_at=made.requested_at))
        try:
            await self._eraser.erase(workspace, user_id, made.requested_at, patience=PATIENCE)
        except CacheUnavailable as error:
            log.warning("The worker has to empty the cache.", extra={"reason": str(error)})
        return await self.receipt(workspace, made.receipt_id) or made

    async def receipt(self, workspace: str, receipt_id: str) -> Receipt | None:
        """Return what is done of an erasure; None where there is no such receipt."""
        async with self._database.reading(workspace) as connection:
            found = await erasures.receipt(connection, workspace, receipt_id)
        if found is None or found.model_done_at is not None or found.rows_done_at is None:
            return found
        done = await asyncio.to_thread(_model_done, self._models, workspace, found.rows_done_at)
        return replace(found, model_done_at=done)

    async def _publish(self, workspace: str, told: UserErased) -> None:
        event = Event(
            id=new_id(),
            source=SOURCE,
            time=datetime.now(UTC),
            workspace=workspace,
            data=told,
            request_id=request_id.get(),
        )
        await self._broker.publish([event])


def _model_done(models: ModelStore, workspace: str, erased_at: datetime) -> datetime | None:
    """Return since when only models serve that learned from what was there after `erased_at`; None: not yet.

    Looked up and not stored: a rollback to an older version brings back what that one learned.
    """
    since = erased_at  # where nothing serves, no model knows anybody
    for move in models.history(workspace, MODEL):
        try:
            read_at = _read_at(models.manifest(workspace, MODEL, move.version))
        except (UnknownVersion, DamagedVersion):
            read_at = None
        if read_at is None or read_at <= erased_at:
            return None if since == erased_at else since
        since = move.at
    return since


def _read_at(manifest: Manifest) -> datetime | None:
    """Return when reading the snapshot began; None for a version that does not say, and may be older."""
    told = manifest.protocol.get(READ_AT)
    return datetime.fromisoformat(told) if isinstance(told, str) else None
