"""One training in a process of its own: `python -m tests.benchmarks.training akin|library WORKSPACE`.

`akin` is all of it: read, fit, tune, evaluate, fit to everything, publish. `library` is what LightFM itself
takes for the same two fits and for scoring everybody. Both write the seconds and the bytes they needed at most,
beyond what the process had before.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import scipy.sparse as sp
from lightfm import LightFM

from services import database
from services.model_store import ModelStore
from services.recommendations import snapshots
from services.recommendations.datasets import Dataset, Interactions, split
from services.recommendations.models.lightfm import Parameters
from services.recommendations.training import train
from services.web.config import PlatformSettings

TOP = 10
USERS_AT_ONCE = 256
DEFAULTS = Parameters()


async def akin(settings: PlatformSettings, workspace: str) -> tuple[float, int]:
    """Return the seconds and the rows of a whole training."""
    async with database.connect(settings.database) as opened:
        started = time.perf_counter()
        report = await train(opened, ModelStore(settings.models), workspace)
        return time.perf_counter() - started, report.data.rows


async def library(settings: PlatformSettings, workspace: str) -> tuple[float, int]:
    """Return the seconds and the rows of the two fits and of one scoring."""
    async with (
        database.connect(settings.database) as opened,
        opened.reading(workspace) as connection,
    ):
        dataset = await snapshots.load(connection, workspace)
    parts = split(dataset.interactions)
    known = _known(dataset)
    matrices = [_likes(each, dataset.size) for each in (parts.train, dataset.interactions)]
    started = time.perf_counter()
    for matrix in matrices:
        model = LightFM(
            no_components=DEFAULTS.dimensions,
            loss="warp",
            learning_rate=DEFAULTS.learning_rate,
            max_sampled=DEFAULTS.max_sampled,
            random_state=0,
        )
        model.fit(matrix, item_features=known, epochs=DEFAULTS.epochs, num_threads=1)
    _score(model, known)
    return time.perf_counter() - started, len(dataset.interactions)


def _score(model: LightFM, known: sp.csr_matrix) -> None:
    biases, items = model.get_item_representations(known)
    _, users = model.get_user_representations()
    for start in range(0, len(users), USERS_AT_ONCE):
        scores = users[start : start + USERS_AT_ONCE] @ items.T + biases
        np.argpartition(-scores, TOP, axis=1)


def _likes(interactions: Interactions, size: int) -> sp.coo_matrix:
    liked = interactions.liked
    ones = np.ones(len(liked), np.float32)
    return sp.coo_matrix((ones, (liked.users, liked.items)), (len(liked.user_ids), size))


def _known(dataset: Dataset) -> sp.csr_matrix:
    """Return each item's features: itself, and its genre."""
    genres = sorted({genre for item in dataset.items for genre in item.genres})
    rows = [item.number for item in dataset.items for _ in item.genres]
    columns = [genres.index(genre) for item in dataset.items for genre in item.genres]
    weights = np.full(len(rows), DEFAULTS.feature_weight, np.float32)
    shape = (dataset.size, len(genres))
    own = sp.identity(dataset.size, dtype=np.float32)
    return sp.hstack([own, sp.csr_matrix((weights, (rows, columns)), shape)]).tocsr()


def _peak() -> int:
    """Return the most bytes that this process held; `ru_maxrss` begins with the parent's."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def main() -> None:
    """Train, and write what it took."""
    side, workspace = sys.argv[1:]
    before = psutil.Process().memory_info().rss
    run = {"akin": akin, "library": library}[side]
    seconds, rows = asyncio.run(run(PlatformSettings(), workspace))
    found = {
        "seconds": seconds,
        "rows": rows,
        "bytes": _peak() - before,
        "cpu": time.process_time(),
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
