"""Writing what a file has, a batch a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from services.anomaly_similarity.imports import Batch, Source
from services.anomaly_similarity.service import Records


@dataclass(slots=True)
class Loaded:
    """What became of the rows of a file."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    @property
    def accepted(self) -> int:
        """How many rows were taken."""
        return self.added + self.updated + self.unchanged


async def load(
    records: Records, workspace: str, source: Source, *, report: Callable[[Batch], None]
) -> Loaded:
    """Write all that can be read; `report` is told of each batch when it is written."""
    loaded, batches = Loaded(), source.batches()
    while (batch := await asyncio.to_thread(next, batches, None)) is not None:
        if batch.rows:
            counts, _ = await records.put(workspace, batch.rows)
            loaded.added += counts.added
            loaded.updated += counts.updated
            loaded.unchanged += counts.unchanged
        loaded.rejected += len(batch.rejects)
        report(batch)
    return loaded
