"""Which structured fields tell relevant cases apart: TF-IDF over fields, each with a weight that is learned."""

from __future__ import annotations

import numpy as np

from services.anomaly_similarity.search.cases import Corpus
from services.anomaly_similarity.search.spaces import SEPARATOR, Space, fields_of

PAIRS = 5_000  # drawn of either sort; a share is then known to a hundredth
SMOOTHING = 0.01  # a share below it is not told from none


def weigh(space: Space, corpus: Corpus) -> Space:
    """Return the space with each field's terms multiplied by how much a match says of relevance.

    That is max(0, log(share of relevant pairs that match / share of all pairs that match)). Without labels
    all fields count alike.
    """
    weights = field_weights(space, corpus)
    if not weights:
        return space
    factors = [weights.get(term.partition(SEPARATOR)[0], 0.0) for term in space.terms]
    return Space(
        space.kind,
        space.terms,
        space.idf * np.array(factors, np.float32),
        cases=space.cases,
        vocabulary=space.vocabulary,
        unsearched=space.unsearched,
    )


def field_weights(space: Space, corpus: Corpus) -> dict[str, float]:
    """Return the weight of each field; nothing where no two cases are relevant to each other."""
    random = np.random.default_rng(0)
    labels = corpus.labels()
    labelled = np.flatnonzero(labels >= 0)
    if len(labelled) < 2:
        return {}
    every = random.choice(labelled, (PAIRS, 2))
    mates = _mates(labels, labelled, random)
    if not len(mates):
        return {}
    values = [set(space.tokens(case)) for case in corpus.cases]
    names = {name for case in corpus.cases for name, _ in fields_of(case)} - corpus.unsearched
    return {name: _weight(name, values, mates, every) for name in sorted(names)}


def _weight(
    name: str,
    values: list[set[tuple[str, str]]],
    mates: np.ndarray[tuple[int, int], np.dtype[np.intp]],
    every: np.ndarray[tuple[int, int], np.dtype[np.intp]],
) -> float:
    mine = [{value for field, value in tokens if field == name} for tokens in values]
    shares = [
        np.mean([bool(mine[one] & mine[other]) for one, other in pairs.tolist()])
        for pairs in (mates, every)
    ]
    return max(0.0, float(np.log((shares[0] + SMOOTHING) / (shares[1] + SMOOTHING))))


def _mates(
    labels: np.ndarray[tuple[int], np.dtype[np.int32]],
    labelled: np.ndarray[tuple[int], np.dtype[np.intp]],
    random: np.random.Generator,
) -> np.ndarray[tuple[int, int], np.dtype[np.intp]]:
    """Return pairs (n, 2) of different cases with one label, each case with one mate."""
    shuffled = random.permutation(labelled)
    ordered = shuffled[np.argsort(labels[shuffled], kind="stable")]
    pairs = np.stack([ordered[:-1], ordered[1:]], axis=1)
    found: np.ndarray[tuple[int, int], np.dtype[np.intp]] = pairs[
        labels[pairs[:, 0]] == labels[pairs[:, 1]]
    ][:PAIRS]
    return found
