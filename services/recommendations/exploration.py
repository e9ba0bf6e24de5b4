"""Showing what nobody can judge yet: lists for users without a history, and slots in all others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

POOL = 200  # most popular items among which a cold list draws: wide enough for lists that differ
TRIES = 8  # random numbers drawn per item wanted, before the whole catalogue is looked through


def draw_popular(
    generator: np.random.Generator, pool: Sequence[int], weights: NDArray[np.float32], count: int
) -> list[int]:
    """Return up to `count` items of the pool, drawn without repetition in proportion to `weights`.

    Gumbel-max trick (Plackett-Luce sampling): the largest log(weight) + Gumbel noise.
    """
    if not len(pool) or count <= 0:
        return []
    keys = np.log(weights) + generator.gumbel(size=len(pool))
    best = np.argsort(-keys)[:count]
    return [pool[i] for i in best]


def draw_uniform(
    generator: np.random.Generator, allowed: NDArray[np.bool_], count: int
) -> list[int]:
    """Return up to `count` distinct numbers at which `allowed` is true, all equally likely.

    Drawing numbers and looking costs a few microseconds at any size of the catalogue; only where
    hardly anything is allowed is all of it looked through.
    """
    if count <= 0 or not len(allowed):
        return []
    drawn: dict[int, None] = {}
    for _ in range(TRIES * count):
        number = int(len(allowed) * generator.random())
        if allowed[number]:
            drawn[number] = None
            if len(drawn) == count:
                return list(drawn)
    left = np.flatnonzero(allowed)
    chosen: list[int] = generator.choice(left, min(count, len(left)), replace=False).tolist()
    return chosen
