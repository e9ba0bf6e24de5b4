"""Taking over a model version: verified, tried aside, then swapped in. A bad one changes nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np
from prometheus_client import Counter, Gauge

from services.anomaly_similarity.search.cases import Case
from services.anomaly_similarity.search.embedder import UnusableEmbeddings
from services.anomaly_similarity.search.index import CaseIndex
from services.anomaly_similarity.search.model import (
    EmbeddingsMismatch,
    Model,
    VocabularyMismatch,
    load,
)
from services.anomaly_similarity.search.vocabulary import Entry, Vocabulary
from services.model_store import (
    DamagedVersion,
    LoadedVersion,
    ModelStore,
    ModelStoreError,
    StoreUnavailable,
)
from services.model_store.errors import ERRORS

log = logging.getLogger(__name__)

MODEL = "similarity"  # the name in the model store
VOCABULARY = "vocabulary.json"  # the file of a version with what it learned of words
CANARIES = 8  # past cases that a version must find before it serves
UNFIT = (
    ModelStoreError,
    VocabularyMismatch,
    EmbeddingsMismatch,
    UnusableEmbeddings,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
)

_refused = Counter(
    "akin_similarity_models_refused",
    "Versions of the similarity model that were refused: damaged or unfit.",
    ["reason"],
)
_created_at = Gauge(
    "akin_similarity_model_created_timestamp_seconds",
    "When the served similarity model was made.",
    ["workspace", "version"],
)


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a version knows of words: what it learned, and the edits that were there at its training."""

    learned: list[Entry]
    edits: list[Entry]

    @property
    def vocabulary(self) -> Vocabulary:
        """Return what the version was trained with."""
        return self.reading(self.edits)

    def reading(self, edits: Sequence[Entry]) -> Vocabulary:
        """Return the vocabulary with other edits."""
        return Vocabulary.of([*self.learned, *edits])


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A version that can serve; `move` is the id of the alias's move that named it."""

    version: str
    move: str
    created_at: datetime
    words: Words
    loaded: LoadedVersion
    embeddings: Path | None = None  # the folder, for a version that was trained with it

    def reading(self, edits: Sequence[Entry]) -> Model:
        """Return the model, which reads texts as it learned to and as these edits say."""
        vocabulary = self.words.reading(edits)
        serving = {**self.loaded.manifest.serving, "vocabulary": vocabulary.version}
        return load(self.loaded.arrays, serving, vocabulary, embeddings=self.embeddings)


class ModelLoader:
    """Follows the alias of a workspace's model."""

    def __init__(self, store: ModelStore, *, embeddings: Path | None = None) -> None:
        self._store = store
        self._embeddings = embeddings
        # Each workspace's move that named a version which was refused, and the epoch of the records.
        self._bad: dict[str, tuple[str, int]] = {}
        self._told: dict[str, str] = {}  # the version of each workspace that the metrics name
        self._away = False  # an outage is logged once, however many workspaces notice it

    async def follow(
        self, workspace: str, epoch: int, canaries: Sequence[Case], current: ServedModel | None
    ) -> ServedModel | None:
        """Return the model that the alias names, or `current` when there is no other fit to serve."""
        try:
            model = await self._newest(workspace, epoch, canaries, current)
        except StoreUnavailable as error:
            ERRORS.labels("unavailable").inc()
            if not self._away:
                log.warning("The model store is away; models stay.", extra={"reason": str(error)})
            self._away = True
            return current
        self._away = False
        return model

    def forget(self, workspace: str) -> None:
        """Forget a workspace that is served no longer."""
        self._bad.pop(workspace, None)
        if workspace in self._told:
            _created_at.remove(workspace, self._told.pop(workspace))

    def _tell(self, workspace: str, model: ServedModel) -> None:
        if workspace in self._told:
            _created_at.remove(workspace, self._told[workspace])
        self._told[workspace] = model.version
        _created_at.labels(workspace, model.version).set(model.created_at.timestamp())

    def refuse(self, workspace: str, model: ServedModel, epoch: int, error: Exception) -> None:
        """Do not try this model again: it was loaded, and could not be put to use."""
        self._refuse(workspace, model.version, model.move, epoch, error)

    async def _newest(
        self, workspace: str, epoch: int, canaries: Sequence[Case], current: ServedModel | None
    ) -> ServedModel | None:
        entry = await asyncio.to_thread(self._store.current, workspace, MODEL)
        if entry is None:
            self.forget(workspace)
            return None
        serves = current is not None and current.move == entry.id
        if serves or self._bad.get(workspace) == (entry.id, epoch):
            return current
        try:
            model = await asyncio.to_thread(
                self._load, workspace, entry.version, entry.id, epoch, canaries
            )
        except StoreUnavailable:
            raise
        except UNFIT as error:
            self._refuse(workspace, entry.version, entry.id, epoch, error)
            return current
        self._tell(workspace, model)
        return model

    def _load(
        self, workspace: str, version: str, move: str, epoch: int, canaries: Sequence[Case]
    ) -> ServedModel:
        loaded = self._store.load(workspace, MODEL, version)
        if loaded.manifest.serving.get("epoch") != epoch:
            raise ValueError("It was trained before or after another cleanup.")
        words = words_of(loaded)
        created_at = loaded.manifest.created_at
        model = ServedModel(version, move, created_at, words, loaded, self._embeddings)
        _try(model.reading(words.edits), canaries)
        log.info("A model was loaded.", extra={"workspace": workspace, "version": version})
        return model

    def _refuse(
        self, workspace: str, version: str, move: str, epoch: int, error: Exception
    ) -> None:
        self._bad[workspace] = move, epoch
        reason = "damaged" if isinstance(error, DamagedVersion) else "unfit"
        _refused.labels(reason).inc()
        log.error(
            "A model version was refused; the old one stays.",
            extra={"workspace": workspace, "version": version, "reason": str(error)},
        )


def words_of(loaded: LoadedVersion) -> Words:
    """Return what the version knows of words.

    Raises:
        VocabularyMismatch: the version was trained with others.
        ValueError, KeyError: the file is missing, or not as it should be.
    """
    words = msgspec.json.decode(loaded.files[VOCABULARY], type=Words)
    stored = words.vocabulary.version
    if loaded.manifest.serving["vocabulary"] != stored:
        raise VocabularyMismatch(model=loaded.manifest.serving["vocabulary"], stored=stored)
    return words


def _try(model: Model, canaries: Sequence[Case]) -> None:
    """Search for past cases among themselves: what comes out must be probabilities."""
    index = CaseIndex(model)
    index.add(canaries)
    for case in canaries:
        found = index.search(case, CANARIES).matches
        likely = np.array([match.similarity for match in found])
        if len(found) != len(canaries) - 1 or not ((likely >= 0) & (likely <= 1)).all():
            raise ValueError("It does not find past cases, or not with a probability.")
