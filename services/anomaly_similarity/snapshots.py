"""Reading a workspace for training, or a file for evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.anomaly_similarity import training_repository, verdict_repository
from services.anomaly_similarity.conversion import case_of
from services.anomaly_similarity.following import FollowedCases
from services.anomaly_similarity.imports import Source
from services.anomaly_similarity.search.cases import Case, Corpus, Verdict
from services.anomaly_similarity.search.vocabulary import Entry
from services.anomaly_similarity.service import anomaly_of


@dataclass(frozen=True)
class Snapshot:
    """The corpus and the edits of the vocabulary at one moment; `epoch` counts cleanups before it."""

    corpus: Corpus
    edits: Sequence[Entry] = ()
    operators: int = 0  # who gave verdicts
    epoch: int = 0
    mark: str = ""  # of `Trainable`

    @property
    def sha256(self) -> str:
        """Return a hash of all that training learns from."""
        corpus, found = self.corpus, sha256()
        told = (corpus.key, sorted(corpus.late), self.edits, corpus.verdicts)
        found.update(msgspec.json.encode(told))
        for case in corpus.cases:
            found.update(msgspec.json.encode(_plain(case), order="sorted"))
        return found.hexdigest()


async def load(
    connection: AsyncConnection, workspace: str, *, key: Sequence[str], late: Sequence[str]
) -> Snapshot:
    """Return the workspace as of now; `key` and `late` are those of `Corpus`."""
    followed = FollowedCases(workspace)
    await followed.follow(connection)
    told = await verdict_repository.all_verdicts(connection, workspace)
    verdicts = [Verdict(each.anomaly_id, each.similar_anomaly_id, each.useful) for each in told]
    corpus = Corpus.of(
        list(followed.cases.values()), key=tuple(key), verdicts=verdicts, late=tuple(late)
    )
    operators = len({each.user_name for each in told})
    mark = "".join(each.mark for each in await training_repository.trainable(connection, workspace))
    return Snapshot(corpus, followed.edits, operators, followed.epoch, mark)


def read(source: Source, *, key: Sequence[str], late: Sequence[str]) -> Snapshot:
    """Return the anomalies of a file; rows that cannot be read are left out."""
    now = datetime.now(UTC)
    cases = [
        case_of(anomaly_of(anomaly_id, told, None, now), {})
        for batch in source.batches()
        for anomaly_id, told in batch.rows
    ]
    return Snapshot(Corpus.of(cases, key=tuple(key), late=tuple(late)))


def _plain(case: Case) -> tuple[object, ...]:
    shape = None if case.shape is None else case.shape.tobytes()
    return (
        case.anomaly_id,
        case.description,
        case.timestamp,
        case.severity,
        case.product,
        case.component_ids,
        case.component_types,
        case.locations,
        case.solution,
        case.outcome,
        dict(case.attributes),
        shape,
    )
