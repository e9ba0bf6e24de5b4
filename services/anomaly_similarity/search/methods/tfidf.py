"""The cosine of TF-IDF rows: of words, of character n-grams, of structured fields, as the space is."""

from __future__ import annotations

from services.anomaly_similarity.search.methods.inverted import Inverted
from services.anomaly_similarity.search.spaces import Space


def load(space: Space) -> Inverted:
    """Return the method, empty. It has no arrays beside those of its space."""
    return Inverted(space, lambda row: row.weights, space.rows)
