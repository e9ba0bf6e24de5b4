"""The shape of the measurements: both z-normalised, whatever their level, strength and length.

For z-normalised series of length m the distance is d² = 2m(1 − r) with the correlation r, so the order of the
distances is that of r, which is the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.anomaly_similarity.search.cases import Case, Floats
from services.anomaly_similarity.search.methods.interface import Reason, transposed
from services.anomaly_similarity.search.methods.vectors import Vectors

POINTS = 64  # a shape is compared at so many: finer detail is noise of the moment it was cut at
TINY = np.finfo(np.float64).tiny
FLAT = 1e-9  # a deviation below it, of the level's size, is none


class Shape:
    """Shapes as vectors of length 1 (size, POINTS); zeros where a case has none or a flat one."""

    def __init__(self) -> None:
        self._vectors = Vectors(POINTS)

    @property
    def size(self) -> int:
        """See `Method`."""
        return self._vectors.size

    def add(self, cases: Sequence[Case]) -> None:
        """See `Method`."""
        self._vectors.add(_vectors(cases))

    def score(self, queries: Sequence[Case]) -> Floats:
        """See `Method`. The correlation, in [-1, 1]."""
        return self._vectors.score(_vectors(queries))

    def score_of(self, query: Case, numbers: Sequence[int]) -> Floats:
        """See `Method`."""
        found: Floats = self._vectors.of(numbers) @ _vector(query.shape)
        return found

    def likeness(self, numbers: Sequence[int], others: Sequence[int]) -> Floats:
        """See `Method`."""
        return self._vectors.likeness(numbers, others)

    def reasons(self, query: Case, numbers: Sequence[int]) -> list[list[Reason]]:
        """See `Method`."""
        return transposed({("shape", "measurements"): self.score_of(query, numbers)}, len(numbers))


def _vectors(cases: Sequence[Case]) -> Floats:
    found: Floats = np.array([_vector(case.shape) for case in cases], np.float32)
    return found.reshape(-1, POINTS)


def _vector(shape: NDArray[Any] | None) -> Floats:
    """Return the shape at `POINTS` even steps, z-normalised and of length 1; gaps are interpolated."""
    nothing = np.zeros(POINTS, np.float32)
    if shape is None or shape.ndim != 1:
        return nothing
    known = np.flatnonzero(np.isfinite(shape))
    if len(known) < 2:
        return nothing
    steps = np.linspace(0, len(shape) - 1, POINTS)
    told = shape[known].astype(np.float64)
    told /= max(TINY, float(np.abs(told).max()))  # differences and squares are finite then
    values = np.interp(steps, known, told)
    centred = values - values.mean()
    length = float(np.linalg.norm(centred))
    if length <= FLAT:
        return nothing
    return np.asarray(centred / length, np.float32)
