"""Bringing anomalies in from a CSV file, with what was refused set aside."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.anomaly_similarity.importing import Loaded, load
from services.anomaly_similarity.imports import Batch, Source
from services.anomaly_similarity.mapping import ImportRefused, parse
from services.anomaly_similarity.service import Records
from services.cli.console import progress
from services.recommendations.imports import Reject, RejectsFile
from services.web.resources import Resources


@dataclass(slots=True, kw_only=True)
class Summary:
    """What became of an import."""

    accepted: int
    added: int
    updated: int
    unchanged: int
    rejected: int
    rejects_file: str | None

    def sentence(self) -> str:
        """Return it in words."""
        text = (
            f"{self.accepted:,} anomalies ({self.added:,} new, {self.updated:,} changed, "
            f"{self.unchanged:,} as they were)"
        )
        if self.rejected:
            text += f"; {self.rejected:,} rows were refused, see {self.rejects_file}"
        return text + "."


async def load_anomalies(
    resources: Resources, path: Path, columns: Sequence[str], workspace: str
) -> Summary:
    """Record the anomalies of a file, with a progress bar; refused rows go to a file in AKIN_HOME.

    Raises:
        ImportRefused: the file cannot be read, or the mapping does not fit it.
    """
    pairs = parse(columns)
    home = resources.settings.home
    home.mkdir(parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    records = Records(await resources.database(), await resources.broker())
    try:
        with path.open("rb") as file, RejectsFile(home / f"rejected-{stamp}.csv") as rejects:
            size = os.fstat(file.fileno()).st_size
            loaded = await _load(records, workspace, path, size, Source(file, pairs), rejects)
    except OSError as error:
        if isinstance(error, ConnectionError | TimeoutError):  # the database, not the file
            raise
        raise ImportRefused(f"{path} cannot be read: {error.strerror or error}.") from error
    return Summary(
        accepted=loaded.accepted,
        added=loaded.added,
        updated=loaded.updated,
        unchanged=loaded.unchanged,
        rejected=loaded.rejected,
        rejects_file=str(rejects.path) if rejects.count else None,
    )


async def _load(
    records: Records,
    workspace: str,
    path: Path,
    size: int,
    source: Source,
    rejects: RejectsFile,
) -> Loaded:
    with progress() as bar:
        task = bar.add_task(f"Loading {path.name}", total=size)

        def step(batch: Batch) -> None:
            rejects.write(
                [Reject(path.name, each.line, each.reason, each.text) for each in batch.rejects]
            )
            bar.advance(task, batch.bytes)

        return await load(records, workspace, source, report=step)
