"""The best cases of a query, and what they say of one another."""

from __future__ import annotations

import numpy as np

from services.anomaly_similarity.search.cases import Floats
from services.anomaly_similarity.search.evaluation import Numbers

BLOCK = 256  # scores of which one maximum is taken
ASKED = 10  # best cases, of whatever filter, that may dispute a match
UNDISPUTED = "undisputed"


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


def undisputed(scores: Floats, best: Floats, likeness: Floats) -> Floats:
    """Return how much of each match's score (n,) the query's best cases leave to it, 0 where they leave none.

    score · (share of the best score) · (1 - dissent), dissent being the highest share · (1 - cosine) among the best
    cases: one that is as good an answer, and unlike the match. `best` (k,) are their scores, `likeness` (n, k) the
    cosines with the matches. What resembles the query little is not much, whatever agrees with it.
    """
    top = best.max(initial=0.0)
    if top <= 0:
        return np.zeros(len(scores), np.float32)
    dissent = (np.maximum(best / top, 0) * (1 - np.clip(likeness, 0, 1))).max(axis=1)
    found: Floats = np.maximum(scores, 0) * np.clip(scores / top, 0, 1) * (1 - dissent)
    return found
