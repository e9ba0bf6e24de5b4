"""The best cases of a query, and what they say of one another."""

from __future__ import annotations

import numpy as np

from services.anomaly_similarity.search.cases import Floats
from services.anomaly_similarity.search.evaluation import Numbers

BLOCK = 256  # scores of which one maximum is taken
ASKED = 10  # best cases, of whatever filter, that are asked what speaks against a match
DISSENT, BEHIND = "dissent", "behind"


def highest(scores: Floats, count: int) -> Numbers:
    """Return the places of the `count` highest scores, the highest first, of equal ones the last first.

    The count-th highest maximum of blocks is not above the count-th highest score: what is below it is not
    looked at, which spares all but a few blocks.
    """
    places = np.arange(len(scores))
    if 0 < count <= len(scores) // BLOCK:
        whole = scores[: len(scores) // BLOCK * BLOCK].reshape(-1, BLOCK).max(axis=1)
        places = np.flatnonzero(scores >= np.partition(whole, -count)[-count])
    count = min(count, len(places))
    if not count:
        return places[:0]
    found = scores[places]
    last = np.partition(found, -count)[-count]
    above, equal = places[found > last], places[found == last]
    places = np.concatenate([above, equal[len(equal) - (count - len(above)) :]])
    order: Numbers = places[np.lexsort((-places, -scores[places]))]
    return order


def against(scores: Floats, best: Floats, likeness: Floats) -> dict[str, Floats]:
    """Return what speaks against each match (n,), as the calibration takes it.

    `scores` (n,) are the matches', `best` (k,) those of the query's best cases, `likeness` (n, k) the cosines
    between both. `DISSENT` is the highest score · (1 - cosine): a case that is as good an answer, and unlike the
    match. `BEHIND` is how far the match's score is below the best one.
    """
    doubts = np.maximum(best, 0) * (1 - np.clip(likeness, 0, 1))
    return {
        DISSENT: doubts.max(axis=1, initial=0.0),
        BEHIND: np.maximum(best.max(initial=0.0) - scores, 0),
    }
