"""Search for the highest products of a taste with items' vectors, without looking at all of them.

An inverted file (Sivic, Zisserman, 2003; Jégou, Douze, Schmid, 2011), of faiss: k-means puts the items on
lists, and a search reads the lists whose centres score highest. Vectors are kept in 8 bits a dimension:
they only nominate, and what they nominate is scored exactly afterwards.

K-means is run where the squared distance of two items is the mean squared difference of their scores:
with M the second moment of tastes, (x - y)ᵀM(x - y). Factors as they are would be put together by what
hardly moves a score (measured in decision 20).

Needs the extra `serve`.
"""

from __future__ import annotations

from threading import Lock
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from services.recommendations.scorers.interface import Floats, Ints
from services.recommendations.scorers.vectors import Mapped

LISTS = 2.0  # times √items: reading and choosing lists then cost alike
MOST_LISTS = 4_096  # or k-means would take minutes
PER_LIST = 64  # items of the sample for k-means, and its rounds: more of both found nothing more
ROUNDS = 8
READ = (
    16_000  # items on the lists that a search reads, half a millisecond; half as many found as much
)
PROBED = 256  # lists at most
ALIGNED = 16  # dimensions that the 8-bit code takes at once; others are three times as slow
LIKED = 10.0  # likes of one item, as which a typical taste is thought
RIDGE = 1e-3  # of the mean moment: directions that no sampled taste has still count a little
ADDED_AT_ONCE = 20_000  # vectors added together: 10 MB


def build(vectors: Mapped, scale: float) -> Index | None:
    """Return an index of all vectors, or None where there are none; `scale` is that of a taste.

    One core, outside of Python's lock: 4 s for 200,000 items, 20 s for a million.
    """
    numbers = vectors.placed
    if not len(numbers):
        return None
    lists = int(np.clip(LISTS * np.sqrt(len(numbers)), 1, min(MOST_LISTS, len(numbers))))
    drawn = np.random.default_rng(0).permutation(len(numbers))[: PER_LIST * lists]
    sample = vectors.at(numbers[np.sort(drawn)])
    index = Index(sample, typical(sample, scale), lists)
    for start in range(0, len(numbers), ADDED_AT_ONCE):
        some = numbers[start : start + ADDED_AT_ONCE]
        index.add(some, vectors.at(some))
    return index


def typical(sample: Floats, scale: float) -> NDArray[np.float64]:
    """Return the second moment (d + 1, d + 1) of the tastes of those who like one item of a sample each."""
    factors = sample[:, :-1].astype(np.float64)
    squares = (factors * factors).sum(axis=1, keepdims=True)
    tastes = np.ones(sample.shape)
    tastes[:, :-1] = scale * LIKED * factors / (1 + LIKED * squares)
    return np.asarray(tastes.T @ tastes / len(tastes))


class Index:
    """Takes 8 + d bytes an item, d rounded up to `ALIGNED`, and up to twice that while lists have room to grow.

    Safe in threads: a search waits for an addition.
    """

    def __init__(self, sample: Floats, moment: NDArray[np.float64], lists: int) -> None:
        """Make an empty index from a sample of vectors (n, d), n ≥ lists, and the tastes' moment (d, d)."""
        faiss.omp_set_num_threads(1)  # of this thread: the other cores answer requests
        self._lock = Lock()
        width = len(moment)
        ridge = RIDGE * float(np.trace(moment)) / width or 1.0
        turn = np.linalg.cholesky(moment + ridge * np.eye(width))
        self._padding = -width % ALIGNED
        self._turn = turn.astype(np.float32)
        self._back = np.linalg.inv(turn).astype(np.float32)
        points = self._turned(sample)
        means = faiss.Clustering(points.shape[1], lists)
        means.niter, means.seed = ROUNDS, 0
        means.max_points_per_centroid, means.min_points_per_centroid = PER_LIST, 1
        self._centres = faiss.IndexFlatL2(points.shape[1])
        means.train(points, self._centres)
        self._centroids = faiss.vector_to_array(means.centroids).reshape(lists, -1)
        self._file = faiss.IndexIVFScalarQuantizer(
            self._centres,
            points.shape[1],
            lists,
            faiss.ScalarQuantizer.QT_8bit,
            faiss.METRIC_INNER_PRODUCT,
            False,  # not by residual, which is slower and found nothing more
        )
        self._file.train(points)
        self._file.nprobe, self._file.max_codes = min(PROBED, lists), READ

    def add(self, numbers: NDArray[Any], vectors: Floats) -> None:
        """Add vectors (n, d) under these numbers, also ones that changed: what they were stays beside it.

        10 ms for a thousand. Vectors of zeros, of which nothing is known, are left out.
        """
        told = vectors.any(axis=1)
        points, ids = self._turned(vectors[told]), numbers[told].astype(np.int64)
        faiss.omp_set_num_threads(1)
        with self._lock:
            self._file.add_with_ids(points, ids)

    def best(self, taste: Floats, count: int) -> Ints:
        """Return up to `count` numbers, ascending, that hold nearly all of the highest products."""
        asked = np.pad(self._back @ taste, (0, self._padding))[None]
        scores = self._centroids @ asked[0]
        probed = np.argsort(-scores)[: self._file.nprobe]
        faiss.omp_set_num_threads(1)
        with self._lock:
            _, found = self._file.search_preassigned(
                asked, count, probed[None], scores[probed][None]
            )
        return np.unique(found[found >= 0]).astype(np.int32)

    def _turned(self, vectors: Floats) -> Floats:
        return np.pad(vectors @ self._turn, ((0, 0), (0, self._padding)))
