"""The serving form of every model: from what somebody did to a score for every item.

numpy and scipy alone; nothing of the training libraries is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.model_store import LoadedVersion
from services.recommendations.scorers.blend import BlendScorer, own_arrays
from services.recommendations.scorers.factors import FactorScorer
from services.recommendations.scorers.interface import (
    NOTHING,
    Arrays,
    Floats,
    History,
    Ints,
    Scorer,
    Taste,
    features_of,
)
from services.recommendations.scorers.neighbours import NeighbourScorer
from services.recommendations.scorers.popularity import PopularityScorer

__all__ = [
    "NOTHING",
    "Arrays",
    "Floats",
    "History",
    "Ints",
    "Scorer",
    "Taste",
    "build_scorer",
    "features_of",
    "load_scorer",
]


def load_scorer(version: LoadedVersion) -> Scorer:
    """Return the scorer of a model version; place the catalogue in it before the first score.

    Raises:
        ValueError: the version has arrays that do not fit together, or is of a kind unknown here.
    """
    return build_scorer(version.arrays, version.manifest.serving)


def build_scorer(arrays: Arrays, serving: Mapping[str, Any]) -> Scorer:
    """Return the scorer of a model's exported arrays and serving parameters."""
    kind = serving.get("kind")
    if kind == "factors":
        return FactorScorer(arrays, serving)
    if kind == "neighbours":
        return NeighbourScorer(arrays, serving)
    if kind == "popularity":
        return PopularityScorer(arrays)
    if kind == "blend":
        return _blend(arrays, serving)
    raise ValueError(f"This release cannot serve a model of the kind '{kind}'.")


def _blend(arrays: Arrays, serving: Mapping[str, Any]) -> Scorer:
    """`parts` has each part's serving parameters by its name, `weights` its weight, `short_weights` that for
    histories with few likes."""
    parts, weights = serving["parts"], serving["weights"]
    if any(part.get("kind") == "blend" for part in parts.values()):
        raise ValueError("A blend of blends is not served.")
    if missing := sorted(
        parts.keys() - (weights.keys() & serving.get("short_weights", weights).keys())
    ):
        raise ValueError(f"The blend has no weight for {', '.join(missing)}.")
    names = sorted(parts)  # sums are rounded the same, whatever the order in the manifest
    scorers = [build_scorer(own_arrays(arrays, name), parts[name]) for name in names]
    short = serving.get("short_weights", weights)
    return BlendScorer(scorers, [weights[name] for name in names], [short[name] for name in names])
