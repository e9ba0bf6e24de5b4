"""Taking over a model version: verified, tried aside, then swapped in. A bad one changes nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from prometheus_client import Counter, Gauge

from services.model_store import (
    DamagedVersion,
    ModelStore,
    ModelStoreError,
    StoreUnavailable,
)
from services.model_store.errors import ERRORS
from services.recommendations.catalogue import Catalogue
from services.recommendations.scoring import History, Scorer, load_scorer

log = logging.getLogger(__name__)

MODEL = "recommendations"  # the name in the model store
CANARIES = 8  # made-up histories that a version must score before it serves

_refused = Counter(
    "akin_model_refused", "Model versions that were refused: damaged or unfit.", ["reason"]
)
_loaded_at = Gauge(
    "akin_model_created_timestamp_seconds", "When the served model was made.", ["workspace"]
)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model in use."""

    version: str
    move: str  # the id of the alias's move that named it: generations begin anew after a cleanup
    scorer: Scorer
    personal: bool  # False: the same scores for everybody
    searches: (
        bool  # a large catalogue: for its highest scores without scoring all (`Scorer.tastes`)
    )
    created_at: datetime

    def scores(self, history: History) -> bool:
        """Tell whether it has scores for this history: it is personal, and something was done."""
        return self.personal and len(history.items) > 0


class ModelLoader:
    """Follows the alias of a workspace's model."""

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        # Each workspace's move that named a version which was refused, and the catalogue's epoch: a
        # model may be younger than the catalogue held here, and fits once that has caught up.
        self._bad: dict[str, tuple[str, int]] = {}
        self._unfit: set[tuple[str, str, int]] = set()  # variants that were refused, a few
        self._away = False  # an outage is logged once, however many workspaces notice it

    async def follow(
        self, workspace: str, catalogue: Catalogue, current: ServedModel | None
    ) -> ServedModel | None:
        """Return the model that the alias names, or `current` when there is no other fit to serve."""
        try:
            model = await self._newest(workspace, catalogue, current)
        except StoreUnavailable as error:
            ERRORS.labels("unavailable").inc()
            if not self._away:
                log.warning("The model store is away; models stay.", extra={"reason": str(error)})
            self._away = True
            return current
        self._away = False
        return model

    async def variants(
        self,
        workspace: str,
        catalogue: Catalogue,
        versions: Collection[str],
        held: Mapping[str, ServedModel],
    ) -> dict[str, ServedModel]:
        """Return those of the versions that can serve; what is `held` already is not loaded again."""
        found = {version: held[version] for version in versions if version in held}
        for version in versions:
            tried = (workspace, version, catalogue.epoch)
            if version in found or tried in self._unfit:
                continue
            try:
                found[version] = await asyncio.to_thread(
                    self._load, workspace, version, version, catalogue
                )
            except StoreUnavailable:
                continue  # the next look tries again
            except (ModelStoreError, ValueError, KeyError, TypeError) as error:
                self._unfit.add(tried)
                _refuse(workspace, version, error)
        return found

    def forget(self, workspace: str) -> None:
        """Forget a workspace that is served no longer."""
        self._bad.pop(workspace, None)
        self._unfit = {tried for tried in self._unfit if tried[0] != workspace}
        _loaded_at.remove(workspace)

    async def _newest(
        self, workspace: str, catalogue: Catalogue, current: ServedModel | None
    ) -> ServedModel | None:
        entry = await asyncio.to_thread(self._store.current, workspace, MODEL)
        if entry is None:
            self.forget(workspace)
            return None
        serves = current is not None and current.move == entry.id
        if serves or self._bad.get(workspace) == (entry.id, catalogue.epoch):
            return current
        try:
            model = await asyncio.to_thread(
                self._load, workspace, entry.version, entry.id, catalogue
            )
            _loaded_at.labels(workspace).set(model.created_at.timestamp())
            return model
        except StoreUnavailable:
            raise
        except (ModelStoreError, ValueError, KeyError, TypeError) as error:
            self._bad[workspace] = (entry.id, catalogue.epoch)
            _refuse(workspace, entry.version, error)
            return current

    def _load(self, workspace: str, version: str, move: str, catalogue: Catalogue) -> ServedModel:
        loaded = self._store.load(workspace, MODEL, version)
        serving = loaded.manifest.serving
        if serving.get("epoch") != catalogue.epoch:
            raise ValueError("It was trained before or after another cleanup.")
        scorer = load_scorer(loaded)
        scorer.place(catalogue.items(), catalogue.size)
        _try(scorer, catalogue)
        searches = scorer.index()
        log.info("A model was loaded.", extra={"workspace": workspace, "version": version})
        personal = serving.get("kind") != "popularity"
        return ServedModel(version, move, scorer, personal, searches, loaded.manifest.created_at)


def _refuse(workspace: str, version: str, error: Exception) -> None:
    reason = "damaged" if isinstance(error, DamagedVersion) else "unfit"
    _refused.labels(reason).inc()
    log.error(
        "A model version was refused; the old one stays.",
        extra={"workspace": workspace, "version": version, "reason": str(error)},
    )


def _try(scorer: Scorer, catalogue: Catalogue) -> None:
    """Score canary histories: what comes out must be numbers, one an item."""
    if not catalogue.size:
        return
    generator = np.random.default_rng(0)
    canaries = [
        History(
            generator.integers(0, catalogue.size, size).astype(np.int32),
            np.ones(size, np.float32),
        )
        for size in range(CANARIES)
    ]
    scores = scorer.score(canaries)
    # Arrays may have grown beyond the catalogue, never below it.
    if scores.shape[0] != CANARIES or scores.shape[1] < catalogue.size:
        raise ValueError(f"It gives {scores.shape} scores for {catalogue.size} items.")
    if not np.isfinite(scores).all():
        raise ValueError("It gives scores that are not numbers.")
