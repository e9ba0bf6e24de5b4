"""One training in a process of its own: `python -m tests.benchmarks.training akin|library WORKSPACE BUDGET`.

`akin` is all of it: read, search, judge, fit to everything, publish. It also writes what it fitted, and how many
people it scored with that. `library` reads the jobs from standard input and does the same with implicit, LightFM and,
for EASE, its algebra in numpy. Both write the seconds, and the bytes they needed at most beyond what the process
had before, with every library loaded.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares
from lightfm import LightFM
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from services import database
from services.model_store import ModelStore
from services.recommendations import grids, plots, snapshots
from services.recommendations.datasets import Dataset, Interactions, split
from services.recommendations.loading import MODEL
from services.recommendations.training import TrainingReport, train
from services.web.config import PlatformSettings

TOP = 10
USERS_AT_ONCE = 256
LOADED = grids.models()[0], plots.__name__  # what training would import on its way

Score = Callable[[NDArray[np.intp]], object]  # ranks all items for these people


@dataclass(frozen=True)
class Job:
    """A fit, to everything or to the earlier part, and how many people were scored with it."""

    model: str
    parameters: Mapping[str, Any]
    everything: bool
    scored: int


async def akin(settings: PlatformSettings, workspace: str, budget: float) -> dict[str, Any]:
    """Train within `budget` seconds, and return the seconds and what was done."""
    store = ModelStore(settings.models)
    async with database.connect(settings.database) as opened:
        started = time.perf_counter()
        report = await train(opened, store, workspace, budget=budget)
        seconds = time.perf_counter() - started
    peak = _peak()
    arrays = store.load(workspace, MODEL, report.version).arrays.values()
    return {
        "seconds": seconds,
        "peak": peak,
        "rows": report.data.rows,
        "model": sum(array.nbytes for array in arrays),
        "jobs": [asdict(job) for job in jobs_of(report)],
    }


def jobs_of(report: TrainingReport) -> Iterator[Job]:
    """Yield the libraries' part: neither popularity nor the sums of the blend are."""
    kinds = {kind.name: kind for kind in LOADED[0]}
    for row in report.rows:
        if row.model not in FITS:
            continue
        # Tuning scores all who choose, and once more for each other value of what can be varied.
        passes = 1 + sum(len(values) - 1 for values in kinds[row.model].serving.values())
        best = max(row.trials, key=lambda trial: trial.score or 0.0)
        for trial in row.trials:
            # The best of a kind scores who chooses for the blend, and who judges for itself and the blend.
            more = report.choosers + 2 * report.judges if trial is best else 0
            yield Job(row.model, trial.parameters, False, passes * report.choosers + more)
    chosen = next(row.parameters for row in report.rows if row.model == report.chosen)
    for each in chosen.get("parts", {report.chosen: chosen}).values():
        if each["model"] in FITS:
            yield Job(each["model"], each, True, 0)


async def library(settings: PlatformSettings, workspace: str, _: float) -> dict[str, Any]:
    """Do the jobs of standard input with the libraries alone, and return the seconds."""
    jobs = [Job(**job) for job in json.load(sys.stdin)]
    async with (
        database.connect(settings.database) as opened,
        opened.reading(workspace) as connection,
    ):
        dataset = await snapshots.load(connection, workspace)
    earlier = split(dataset.interactions).train
    known = _known(dataset)
    matrices = {
        everything: _likes(rows, dataset.size)
        for everything, rows in ((False, earlier), (True, dataset.interactions))
    }
    started = time.perf_counter()
    for job in jobs:
        likes = matrices[job.everything]
        score = FITS[job.model](likes, known, job.parameters)
        people = np.arange(job.scored) % likes.shape[0]
        for start in range(0, job.scored, USERS_AT_ONCE):
            score(people[start : start + USERS_AT_ONCE])
    return {"seconds": time.perf_counter() - started, "peak": _peak()}


def _ease(likes: sp.csr_matrix, _: sp.csr_matrix, parameters: Mapping[str, Any]) -> Score:
    """Steck's own lines (2019), in float32."""
    gram = (likes.T @ likes).toarray()
    diagonal = np.diag_indices(len(gram))
    gram[diagonal] += np.float32(parameters["regularisation"])
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    weights[diagonal] = 0.0
    return lambda people: _best(likes[people] @ weights)


def _als(likes: sp.csr_matrix, _: sp.csr_matrix, parameters: Mapping[str, Any]) -> Score:
    """Each person is found anew by the library, from the history: tuning weighs the histories."""
    confident = likes * np.float32(1 + parameters["confidence"])
    model = AlternatingLeastSquares(
        factors=parameters["dimensions"],
        regularization=parameters["regularisation"],
        alpha=1.0,
        iterations=parameters["iterations"],
        random_state=0,
    )
    with threadpool_limits(1, "blas"):
        model.fit(confident, show_progress=False)
    return lambda people: model.recommend(people, confident[people], N=TOP, recalculate_user=True)


def _lightfm(likes: sp.csr_matrix, known: sp.csr_matrix, parameters: Mapping[str, Any]) -> Score:
    """People are scored by their trained vectors: the library cannot find them from a history."""
    scale = sp.diags(
        np.where(np.arange(known.shape[1]) < likes.shape[1], 1.0, parameters["feature_weight"])
    )
    features = (known @ scale).tocsr().astype(np.float32)
    model = LightFM(
        no_components=parameters["dimensions"],
        loss="warp",
        learning_rate=parameters["learning_rate"],
        max_sampled=parameters["max_sampled"],
        random_state=0,
    )
    model.fit(
        likes.tocoo(),
        item_features=features,
        epochs=parameters["epochs"],
        num_threads=parameters["threads"],
    )
    biases, items = model.get_item_representations(features)
    users = model.get_user_representations()[1]
    return lambda people: _best(users[people] @ items.T + biases)


FITS = {"ease": _ease, "als": _als, "lightfm": _lightfm}


def _best(scores: NDArray[np.float32]) -> NDArray[np.intp]:
    return np.argpartition(-scores, TOP, axis=1)[:, :TOP]


def _likes(interactions: Interactions, size: int) -> sp.csr_matrix:
    liked = interactions.liked
    ones = np.ones(len(liked), np.float32)
    return sp.csr_matrix((ones, (liked.users, liked.items)), (len(liked.user_ids), size))


def _known(dataset: Dataset) -> sp.csr_matrix:
    """Return each item's features: itself, and its genre."""
    genres = sorted({genre for item in dataset.items for genre in item.genres})
    rows = [item.number for item in dataset.items for _ in item.genres]
    columns = [genres.index(genre) for item in dataset.items for genre in item.genres]
    ones = np.ones(len(rows), np.float32)
    of_genre = sp.csr_matrix((ones, (rows, columns)), (dataset.size, len(genres)))
    return sp.hstack([sp.identity(dataset.size, dtype=np.float32), of_genre]).tocsr()


def _peak() -> int:
    """Return the most bytes that this process held; `ru_maxrss` begins with the parent's."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def main() -> None:
    """Train, and write what it took."""
    side, workspace, budget = sys.argv[1:]
    before = psutil.Process().memory_info().rss
    run = {"akin": akin, "library": library}[side]
    found = asyncio.run(run(PlatformSettings(), workspace, float(budget)))
    found["bytes"] = found.pop("peak") - before
    json.dump({**found, "cpu": time.process_time()}, sys.stdout)


if __name__ == "__main__":
    main()
