"""What the anomaly-similarity service keeps: anomalies, and what becomes of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from time import time_ns

from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity import (
    cleanup_repository,
    directory_repository,
    repository,
    shape_repository,
    verdict_repository,
    writing_repository,
)
from services.anomaly_similarity.announcing import announce
from services.anomaly_similarity.directory_repository import COMPONENTS, PROFILES
from services.anomaly_similarity.records import Anomaly, Changed, Counts, Detection
from services.anomaly_similarity.repository import Wanted
from services.anomaly_similarity.schemas import AnomalyBody
from services.anomaly_similarity.search.text import fold
from services.broker import Broker
from services.database import Database


class Records:
    """Writes and reads anomalies. Every change has a revision, by which others follow."""

    def __init__(self, database: Database, broker: Broker | None = None) -> None:
        """Take the broker over which other programs are told what changed; None: they are not."""
        self._database = database
        self._broker = broker

    async def put(
        self, workspace: str, told: Sequence[tuple[str, AnomalyBody]]
    ) -> tuple[Counts, list[Anomaly]]:
        """Add or replace anomalies, and return them as they are now; `told` has each id once.

        Components and people that nobody recorded yet are added by their ids alone: records come in any
        order. A time that is not told stays as it is, or is now.
        """
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace)
            now = datetime.now(UTC)  # under the lock: a cleanup knows what came before it
            ids = [anomaly_id for anomaly_id, _ in told]
            found = await repository.anomalies_by_id(connection, workspace, ids)
            before = {i: each.anomaly for i, each in found.items() if each.anomaly is not None}
            wished = [anomaly_of(i, body, before.get(i), now) for i, body in told]
            added = [each for each in wished if each.anomaly_id not in before]
            known = [each for each in wished if each.anomaly_id in before]
            changed = [each for each in known if not each.says_the_same(before[each.anomaly_id])]
            await write(connection, workspace, added, changed, found, now)
        written = [each.anomaly_id for each in [*added, *changed]]
        if self._broker is not None:
            await announce(self._broker, workspace, written, "upserted")
        counts = Counts(added=len(added), updated=len(changed), unchanged=len(known) - len(changed))
        return counts, wished

    async def get(self, workspace: str, anomaly_id: str) -> Anomaly | None:
        """Return an anomaly; None where there is none."""
        async with self._database.reading(workspace) as connection:
            found = await repository.anomalies_by_id(connection, workspace, [anomaly_id])
        return found[anomaly_id].anomaly if anomaly_id in found else None

    async def detection(self, workspace: str, anomaly_id: str) -> Detection | None:
        """Return what a detector found of an anomaly; None where none did."""
        async with self._database.reading(workspace) as connection:
            found = await shape_repository.detections_by_id(connection, workspace, [anomaly_id])
        return found.get(anomaly_id)

    async def delete(self, workspace: str, anomaly_id: str) -> bool:
        """Delete an anomaly with what was detected and judged of it; tell whether it was there."""
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace)
            found = await repository.anomalies_by_id(connection, workspace, [anomaly_id])
            gone = found[anomaly_id].anomaly if anomaly_id in found else None
            if gone is None:
                return False
            revision = await next_revision(connection, workspace)
            await writing_repository.delete_anomaly(
                connection, workspace, gone, datetime.now(UTC), revision
            )
            await shape_repository.delete_detection(connection, workspace, anomaly_id)
            await verdict_repository.delete_of(connection, workspace, anomaly_id)
        if self._broker is not None:
            await announce(self._broker, workspace, [anomaly_id], "deleted")
        return True

    async def find(
        self, workspace: str, wanted: Wanted, *, text: str | None, limit: int
    ) -> list[Anomaly]:
        """Return the newest anomalies that are wanted and contain every word of the text."""
        words = tuple(dict.fromkeys(fold(text or "").split()))
        async with self._database.reading(workspace) as connection:
            return await repository.find_anomalies(
                connection, workspace, replace(wanted, words=words), limit=limit
            )

    async def clean(self, workspace: str, until: datetime) -> None:
        """Delete all that was written by `until`. Safe to call again."""
        async with self._database.transaction(workspace) as connection:
            await cleanup_repository.clean(connection, workspace, until)

    async def keep_rejects(self, workspace: str, rejects: str) -> str:
        """Keep what an import refused for a week, and return the import's id."""
        import_id = new_id()
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace)
            now = datetime.now(UTC)
            await cleanup_repository.keep_rejects(connection, workspace, import_id, rejects, now)
        return import_id

    async def kept_rejects(self, workspace: str, import_id: str) -> str | None:
        """Return what an import refused; None where there is no such import any more."""
        async with self._database.reading(workspace) as connection:
            return await cleanup_repository.kept_rejects(connection, workspace, import_id)


async def next_revision(connection: AsyncConnection, workspace: str) -> int:
    """Return the revision of a change that begins. Needs the lock."""
    state = await repository.corpus_state(connection, workspace)
    after = replace(state, revision=state.revision + 1)
    await repository.save_state(connection, workspace, after)
    return after.revision


def new_id() -> str:
    """Return an id that nobody else makes, and that sorts by time."""
    return f"{time_ns():016x}{os.urandom(8).hex()}"


async def write(
    connection: AsyncConnection,
    workspace: str,
    added: Sequence[Anomaly],
    changed: Sequence[Anomaly],
    found: dict[str, Changed],
    now: datetime,
) -> None:
    """Write anomalies, and what they name; `found` has those that are or were stored. Needs the lock."""
    if not added and not changed:
        return
    revision = await next_revision(connection, workspace)
    new = [each for each in added if each.anomaly_id not in found]
    revived = [each for each in added if each.anomaly_id in found]  # deleted, and told again
    await writing_repository.insert_anomalies(connection, workspace, new, now, revision)
    await writing_repository.update_anomalies(
        connection, workspace, [*revived, *changed], now, revision
    )
    written = [*added, *changed]
    named = {
        COMPONENTS: sorted({i for each in written for i in each.component_ids}),
        PROFILES: sorted({i for each in written for i in each.user_names}),
    }
    for kind, ids in named.items():
        await directory_repository.add_bare(connection, workspace, kind, ids, now, revision)


def anomaly_of(
    anomaly_id: str, told: AnomalyBody, before: Anomaly | None, now: datetime
) -> Anomaly:
    """Return the anomaly that a request tells, where `before` is stored."""
    return Anomaly(
        anomaly_id=anomaly_id,
        description=told.description,
        occurred_at=told.timestamp or (before.occurred_at if before else now),
        severity=told.severity,
        recommended_product=told.recommended_product,
        solution=told.solution,
        outcome=told.outcome,
        attributes=told.attributes,
        component_ids=tuple(told.component_ids),
        user_names=tuple(told.user_names),
    )
