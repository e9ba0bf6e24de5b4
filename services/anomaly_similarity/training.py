"""Training: from a workspace's anomalies and verdicts to a published, judged and perhaps promoted version."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from services.anomaly_similarity import report as reports
from services.anomaly_similarity.gate import Verdict, champion_of, weigh
from services.anomaly_similarity.loading import MODEL, VOCABULARY, Words
from services.anomaly_similarity.search.cases import UNKNOWN, Corpus
from services.anomaly_similarity.search.training import BUDGET, Report, Trained, train_on
from services.anomaly_similarity.search.vocabulary import learn
from services.anomaly_similarity.snapshots import Snapshot, load
from services.database import Database
from services.model_store import Data, Draft, ModelStore
from services.reports.figures import finite
from services.web.retraining import MARK

SEARCH = 0.9  # of all that is done: the rest is reading and publishing


@dataclass(frozen=True)
class Published:
    """What came of a training; `evaluation` is what its report says, `champion` the same measures of the old one."""

    version: str
    promoted: bool
    reason: str
    evaluation: dict[str, Any]
    champion: dict[str, Any] | None


async def train(
    database: Database,
    store: ModelStore,
    workspace: str,
    *,
    key: Sequence[str],
    late: Sequence[str],
    embeddings: Path | None = None,
    budget: timedelta = BUDGET,
    report: Report = lambda *_: None,
) -> Published:
    """Train on all anomalies of the workspace, publish, and promote what is not worse than what serves.

    `key` and `late` are those of `Corpus`, `embeddings` that of `train_on`. The same records give the same version, if the budget cuts
    nothing. `report` is called from another thread.

    Raises:
        NotEnoughCases: there is no word to learn from; whatever serves goes on.
        UnusableEmbeddings: the folder cannot be read.
        DatabaseUnavailable, StoreUnavailable: repeat it later.
    """
    report("reading", 0.0)
    async with database.reading(workspace) as connection:
        snapshot = await load(connection, workspace, key=key, late=late)
    return await asyncio.to_thread(
        train_and_publish,
        snapshot,
        store,
        workspace,
        embeddings=embeddings,
        budget=budget,
        report=report,
    )


def train_and_publish(
    snapshot: Snapshot,
    store: ModelStore,
    workspace: str,
    *,
    embeddings: Path | None = None,
    budget: timedelta = BUDGET,
    report: Report = lambda *_: None,
) -> Published:
    """Train on a snapshot; see `train`."""
    current = store.current(workspace, MODEL)
    champion = champion_of(store, workspace, current)
    trained = train_on(
        snapshot.corpus,
        snapshot.edits,
        embeddings=embeddings,
        budget=budget,
        report=lambda stage, share: report(stage, SEARCH * share),
        champion=champion.serving.get("weights") if champion else None,
    )
    verdict = weigh(trained.report, champion, epoch=snapshot.epoch)
    report("publish", SEARCH)
    told = reports.told(trained, snapshot, notes=unknown_names(snapshot.corpus))
    beside = trained.report.judged.get("champion")
    measures = reports.measures(beside) if beside else None
    version = _publish(trained, snapshot, store, workspace, told, measures, verdict)
    promoted, reason = store.succeed(
        workspace, MODEL, version, current, better=verdict.promote, reason=verdict.reason
    )
    report("done", 1.0)
    return Published(version, promoted, reason, told, measures)


def unknown_names(corpus: Corpus) -> list[str]:
    """Return a sentence for each name of the key or of what is late that no case has a value of."""
    return [
        f"No anomaly has a value of '{name}'."
        for name in (*corpus.key, *sorted(corpus.late))
        if not any(case.value(name) for case in corpus.cases)
    ]


def _publish(
    trained: Trained,
    snapshot: Snapshot,
    store: ModelStore,
    workspace: str,
    told: dict[str, Any],
    champion: dict[str, Any] | None,
    verdict: Verdict,
) -> str:
    corpus, model = snapshot.corpus, trained.model
    draft = Draft(
        code_version=installed("akin"),
        data=_data(snapshot),
        parameters={"relevant_by": list(corpus.key), "late": sorted(corpus.late)},
        serving={
            **model.serving(),
            "kind": " + ".join(name for name, weight in model.weights.items() if weight),
            "epoch": snapshot.epoch,
        },
        metrics=finite(
            {
                "evaluation": told,
                "champion": champion,
                "advantage_over_champion": verdict.advantage,
            }
        ),
        protocol={
            "split": reports.PROTOCOL,
            "interval": "95 % bootstrap, paired by query",
            MARK: snapshot.mark,
        },
    )
    files = {**reports.render(told), VOCABULARY: _words(trained, snapshot)}
    arrays = model.arrays()
    return store.publish(workspace, MODEL, arrays=arrays, manifest=draft, files=files).version


def _words(trained: Trained, snapshot: Snapshot) -> bytes:
    """Return what was learned of words, also what an edit overrules: it may be undone."""
    edits = list(snapshot.edits)
    fixed = {each.term for each in edits}
    texts = [case.description for case in snapshot.corpus.cases] if edits else []
    overruled = [each for term, each in learn(texts).entries.items() if term in fixed]
    learned = [each for each in trained.model.vocabulary.entries.values() if not each.edited]
    words = Words(sorted([*learned, *overruled], key=lambda each: each.term), edits)
    return msgspec.json.format(msgspec.json.encode(words), indent=1) + b"\n"


def _data(snapshot: Snapshot) -> Data:
    cases = snapshot.corpus.cases
    return Data(
        start=cases[0].timestamp,
        end=cases[-1].timestamp,
        rows=len(cases),
        users=snapshot.operators,
        items=int(np.count_nonzero(snapshot.corpus.labels() != UNKNOWN)),
        sha256=snapshot.sha256,
    )
