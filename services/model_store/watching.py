"""Noticing promotions, without a broker and without ever stopping the service that waits for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta

from services.model_store.aliases import AliasEntry
from services.model_store.errors import ERRORS, StoreUnavailable
from services.model_store.store import CHAMPION, ModelStore

logger = logging.getLogger(__name__)


async def watch(
    store: ModelStore, workspace: str, name: str, *, interval: timedelta, alias: str = CHAMPION
) -> AsyncIterator[AliasEntry]:
    """Yield where the alias points, at once if it points anywhere, and again after each move.

    Looks every `interval`, in a thread. While the store is away it goes on looking: each attempt is counted, each
    outage logged once. Several moves within one interval are seen as the last of them.
    """
    seen: AliasEntry | None = None
    away = False
    while True:
        entry = None
        try:
            entry = await asyncio.to_thread(store.current, workspace, name, alias=alias)
        except StoreUnavailable as error:
            ERRORS.labels("unavailable").inc()
            if not away:
                logger.warning("%s The loaded model of %s/%s stays.", error, workspace, name)
            away = True
        else:
            away = False
        if entry is not None and entry != seen:
            seen = entry
            yield entry
        await asyncio.sleep(interval.total_seconds())
