"""Models that are small enough to reason about, published as training would."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from services.model_store import Data, Draft, Manifest, ModelStore, encode_strings
from services.recommendations.loading import MODEL


def publish(
    store: ModelStore,
    workspace: str,
    *,
    best: Sequence[int],
    size: int,
    epoch: int = 0,
    promoted: bool = True,
) -> Manifest:
    """Publish a personal model that ranks the item numbers `best` first, for whomever, and promote it.

    Its factors are nearly nothing, so that the biases decide.
    """
    biases = np.zeros(size, np.float32)
    for place, number in enumerate(best):
        biases[number] = len(best) - place
    arrays = {
        "numbers": np.arange(size, dtype=np.int32),
        "factors": np.full((size, 2), 1e-6, np.float32),
        "biases": biases,
        "popularity": np.zeros(size, np.float32),
        "feature_factors": np.zeros((0, 2), np.float32),
        "feature_biases": np.zeros(0, np.float32),
        **encode_strings([], name="features"),
    }
    serving = {
        "kind": "factors",
        "epoch": epoch,
        "implicit_weight": 0.03,
        "regularisation": 10.0,
        "scale": 1.0,
        "history": 100,
        "new_item_bias": -1.0,
    }
    draft = Draft(
        code_version="test",
        data=Data(
            start=datetime(2026, 1, 1, tzinfo=UTC),
            end=datetime(2026, 2, 1, tzinfo=UTC),
            rows=10,
            users=2,
            items=size,
            sha256="0" * 64,
        ),
        parameters={},
        serving=serving,
        metrics={"ndcg": 0.1},
        protocol={},
    )
    manifest = store.publish(workspace, MODEL, arrays=arrays, manifest=draft)
    if promoted:
        promote(store, workspace, manifest.version)
    return manifest


def promote(store: ModelStore, workspace: str, version: str) -> None:
    """Let the alias name this version."""
    current = store.current(workspace, MODEL)
    expected = current.generation if current else None
    store.promote(workspace, MODEL, version, expected=expected, reason="A test wants it.")
