"""Components and people: adding, replacing, deleting, listing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from services.anomaly_similarity import directory_repository, repository
from services.anomaly_similarity.directory_repository import Kind, Named
from services.anomaly_similarity.records import Counts
from services.anomaly_similarity.service import next_revision
from services.database import Database


class Directory:
    """The components of the workspaces, or their people."""

    def __init__(self, database: Database, kind: Kind) -> None:
        self._database = database
        self._kind = kind

    async def put(self, workspace: str, told: Sequence[Named]) -> Counts:
        """Add or replace records; `told` has each id once."""
        kind = self._kind
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace)
            ids = [str(each[kind.key]) for each in told]
            found = await directory_repository.by_id(connection, workspace, kind, ids)
            new = [each for each in told if each[kind.key] not in found]
            known = [each for each in told if each[kind.key] in found]
            changed = [each for each in known if each != found[str(each[kind.key])]]
            if new or changed:
                revision = await next_revision(connection, workspace)
                now = datetime.now(UTC)
                await directory_repository.write(
                    connection, workspace, kind, new, changed, now, revision
                )
        return Counts(added=len(new), updated=len(changed), unchanged=len(known) - len(changed))

    async def get(self, workspace: str, identifier: str) -> Named | None:
        """Return a record; None where there is none."""
        async with self._database.reading(workspace) as connection:
            found = await directory_repository.by_id(
                connection, workspace, self._kind, [identifier]
            )
        return found.get(identifier)

    async def delete(self, workspace: str, identifier: str) -> bool:
        """Delete a record, also from the anomalies that name it; tell whether it was there."""
        async with self._database.transaction(workspace) as connection:
            await repository.lock(connection, workspace)
            if await directory_repository.by_id(connection, workspace, self._kind, [identifier]):
                revision = await next_revision(connection, workspace)
                await directory_repository.remove(
                    connection, workspace, self._kind, identifier, revision
                )
                return True
        return False

    async def page(self, workspace: str, *, after: str, limit: int) -> list[Named]:
        """Return the records whose id follows `after`, by id."""
        async with self._database.reading(workspace) as connection:
            return await directory_repository.page(
                connection, workspace, self._kind, after=after, limit=limit
            )
