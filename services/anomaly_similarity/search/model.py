"""A trained search: a vocabulary, spaces, methods with their weights, a calibration; as arrays for the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.anomaly_similarity.search.calibration import SAME, Calibration
from services.anomaly_similarity.search.embedder import Embedder, read
from services.anomaly_similarity.search.fitting import EMBEDDINGS, SPACES, Fits
from services.anomaly_similarity.search.methods.blend import Blend
from services.anomaly_similarity.search.methods.interface import Fitted
from services.anomaly_similarity.search.neighbours import UNDISPUTED
from services.anomaly_similarity.search.spaces import Kind, Space
from services.anomaly_similarity.search.vocabulary import Vocabulary

Arrays = dict[str, NDArray[Any]]


class VocabularyMismatch(Exception):
    """The model was trained with another vocabulary than is stored; it is refused."""

    def __init__(self, *, model: str, stored: str) -> None:
        super().__init__(
            f"The model reads texts by vocabulary {model}, but {stored} is stored: train again."
        )


class EmbeddingsMismatch(Exception):
    """The model was trained with other embeddings than are configured; it is refused."""

    def __init__(self, *, model: str, configured: str | None) -> None:
        there = f"{configured} are" if configured else "none are"
        super().__init__(
            f"The model needs the embeddings {model}, but {there} configured: "
            "configure these, or train again."
        )


@dataclass(frozen=True)
class Model:
    """What training chose. `weights` has the methods in use; 0 for one that only the calibration needs."""

    vocabulary: Vocabulary
    fits: Fits
    weights: Mapping[str, float]
    calibration: Calibration

    def blend(self) -> Blend:
        """Return the methods, without cases."""
        return Blend({name: self.fits.load(name) for name in self.weights}, self.weights)

    def arrays(self) -> Arrays:
        """Return the model's plain arrays."""
        found: Arrays = {"calibration": self.calibration.weights}
        for kind in _kinds(self.weights):
            space = self.fits.spaces[kind]
            found |= {f"space.{kind}.{key}": array for key, array in space.arrays().items()}
        for name in self.weights:
            fitted = self.fits.methods[name].arrays
            found |= {f"method.{name}.{key}": array for key, array in fitted.items()}
        return found

    def serving(self) -> dict[str, Any]:
        """Return what the manifest says beside the arrays, as JSON has it."""
        embedder = self.fits.embedder if EMBEDDINGS in self.weights else None
        return {
            "weights": dict(self.weights),
            "vocabulary": self.vocabulary.version,
            "embeddings": embedder.version if embedder else None,
            "calibration": {
                "names": list(self.calibration.names),
                "constant": self.calibration.constant,
                "threshold": self.calibration.threshold,
                "measured": self.calibration.measured,
            },
        }


@dataclass(frozen=True)
class _Stored:
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def under(self, prefix: str) -> Arrays:
        return {k.removeprefix(prefix): v for k, v in self.arrays.items() if k.startswith(prefix)}


def load(
    arrays: Mapping[str, NDArray[Any]],
    serving: Mapping[str, Any],
    vocabulary: Vocabulary,
    *,
    embeddings: Path | None = None,
) -> Model:
    """Return the stored model, to be served with the stored vocabulary and the embeddings of this folder.

    Raises:
        VocabularyMismatch, EmbeddingsMismatch: it was trained with other ones.
        UnusableEmbeddings: it needs some, and the folder has none.
        ValueError, KeyError: the arrays do not belong together.
    """
    if serving["vocabulary"] != vocabulary.version:
        raise VocabularyMismatch(model=serving["vocabulary"], stored=vocabulary.version)
    stored, fits = _Stored(arrays), Fits(vocabulary, _embedder(serving["embeddings"], embeddings))
    weights = {name: float(weight) for name, weight in serving["weights"].items()}
    for kind in _kinds(weights):
        fits.spaces[kind] = Space.load(kind, stored.under(f"space.{kind}."), vocabulary)
    for name in weights:
        fits.methods[name] = Fitted(stored.under(f"method.{name}."))
    told = serving["calibration"]
    names = tuple(told["names"])
    slopes = np.asarray(arrays["calibration"], np.float64)
    if slopes.shape != (len(names),) or set(names) - {*weights, SAME, UNDISPUTED}:
        raise ValueError("The calibration does not fit the model's methods.")
    calibration = Calibration(
        names, slopes, float(told["constant"]), float(told["threshold"]), bool(told["measured"])
    )
    return Model(vocabulary, fits, weights, calibration)


def _embedder(version: str | None, folder: Path | None) -> Embedder | None:
    if version is None:
        return None
    found = read(folder) if folder else None
    if found is None or found.version != version:
        raise EmbeddingsMismatch(model=version, configured=found.version if found else None)
    return found


def _kinds(names: Iterable[str]) -> list[Kind]:
    return sorted({kind for name in names if (kind := SPACES[name]) is not None})
