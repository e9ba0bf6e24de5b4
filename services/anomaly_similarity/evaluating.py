"""Judging anew what serves, and every method beside it; nothing is published."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from services.anomaly_similarity import report as reports
from services.anomaly_similarity.gate import champion_of
from services.anomaly_similarity.imports import Source
from services.anomaly_similarity.loading import MODEL
from services.anomaly_similarity.mapping import ImportRefused, parse
from services.anomaly_similarity.search.training import BUDGET, Report, train_on
from services.anomaly_similarity.snapshots import Snapshot, load, read
from services.anomaly_similarity.training import unknown_names
from services.database import Database
from services.model_store import Manifest, ModelStore


@dataclass(frozen=True)
class Evaluation:
    """What a training would report now, and the same measures of what serves."""

    evaluation: dict[str, Any]
    champion: dict[str, Any] | None
    champion_version: str | None


async def judge_workspace(
    database: Database,
    store: ModelStore,
    workspace: str,
    *,
    key: Sequence[str],
    late: Sequence[str],
    embeddings: Path | None = None,
    budget: timedelta = BUDGET,
    report: Report = lambda *_: None,
) -> Evaluation:
    """Judge by the latest anomalies of a workspace.

    Raises:
        NotEnoughCases: there is no word.
    """
    async with database.reading(workspace) as connection:
        snapshot = await load(connection, workspace, key=key, late=late)
    current = await asyncio.to_thread(store.current, workspace, MODEL)
    champion = await asyncio.to_thread(champion_of, store, workspace, current)
    return await asyncio.to_thread(_judge, snapshot, champion, embeddings, budget, report)


def judge_file(
    path: Path,
    columns: Sequence[str],
    *,
    key: Sequence[str],
    late: Sequence[str],
    embeddings: Path | None = None,
    budget: timedelta = BUDGET,
    report: Report = lambda *_: None,
) -> Evaluation:
    """Judge by the latest anomalies of a CSV file; `columns` say `field=column`.

    Raises:
        ImportRefused: the file cannot be read, or the mapping does not fit it.
        NotEnoughCases: there is no word.
    """
    try:
        with path.open("rb") as file:
            snapshot = read(Source(file, parse(columns)), key=key, late=late)
    except OSError as error:
        raise ImportRefused(f"{path} cannot be read: {error.strerror or error}.") from error
    return _judge(snapshot, None, embeddings, budget, report)


def _judge(
    snapshot: Snapshot,
    champion: Manifest | None,
    embeddings: Path | None,
    budget: timedelta,
    report: Report,
) -> Evaluation:
    weights: Mapping[str, float] | None = champion.serving.get("weights") if champion else None
    trained = train_on(
        snapshot.corpus,
        snapshot.edits,
        embeddings=embeddings,
        budget=budget,
        report=report,
        champion=weights,
    )
    told = reports.told(trained, snapshot, notes=unknown_names(snapshot.corpus))
    beside = trained.report.judged.get("champion")
    return Evaluation(
        told,
        reports.measures(beside) if beside else None,
        champion.version if champion else None,
    )
