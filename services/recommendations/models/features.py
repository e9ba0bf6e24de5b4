"""What is known of items before anybody reacts to them, as a matrix for the models that learn from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from services.recommendations.catalogue import Item
from services.recommendations.scoring import features_of

FEATURE_ITEMS = 2  # a feature of one item alone says nothing that the item's own embedding does not
MAX_FEATURES = 20_000  # the most frequent ones; bounds what unusual labels can cost


def feature_matrix(
    items: Sequence[Item], numbers: NDArray[np.int32]
) -> tuple[list[str], sp.csr_matrix]:
    """Return the f features that are worth learning, and which of the k items `numbers` have them (k, f)."""
    by_number = {item.number: item for item in items}
    of_items = [
        features_of(by_number[number]) if number in by_number else [] for number in numbers.tolist()
    ]
    counts = Counter(name for names in of_items for name in names)
    frequent = sorted(counts, key=lambda name: (-counts[name], name))[:MAX_FEATURES]
    names = sorted(name for name in frequent if counts[name] >= FEATURE_ITEMS)
    column = {name: position for position, name in enumerate(names)}
    pairs = [
        (row, column[name])
        for row, own in enumerate(of_items)
        for name in sorted(own)
        if name in column
    ]
    rows, columns = np.array(pairs, np.int32).reshape(-1, 2).T
    ones = np.ones(len(pairs), np.float32)
    return names, sp.csr_matrix((ones, (rows, columns)), (len(numbers), len(names)))
