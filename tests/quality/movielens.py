"""Every model on MovieLens latest-small, by protocols whose figures are known: writes its section of the page."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from services.recommendations.candidates import BUDGET, Candidate, Comparison, refit
from services.recommendations.datasets import Dataset
from services.recommendations.evaluation import Measures
from services.recommendations.judging import search
from services.recommendations.models import Fitted
from services.recommendations.protocols import Protocol, Relevant, Task, make_task
from services.recommendations.ratings import read_ratings
from tests.quality.movielens_kinds import kinds
from tests.quality.page import ROOT, machine, write_section

SEEDS = 5
PACKAGES = ("numpy", "scipy", "implicit", "lightfm-next")
COLUMNS: Mapping[str, str] = {
    "ndcg": "NDCG@10",
    "recall_at_20": "recall@20",
    "recall": "recall@10",
    "map": "MAP@10",
    "coverage": "coverage",
    "diversity": "diversity",
}
KNOWN = """Known from plain runs, without Akin, on each user's last fifth with every rating to be found: popularity .086,
LightFM WARP .121 to .129, iALS .135, EASE .141; with histories weighted by recency when they are folded in EASE .155,
a blend .158."""
PROTOCOLS: Sequence[tuple[Protocol, Relevant, str]] = (
    (
        "time-each",
        "rated",
        "Each user's last fifth, every rating is to be found. This is the protocol of the known figures: they come"
        " out with the fifth rounded up and a rating of half a star as good as one of five (popularity .0856). With"
        " the fifth rounded down popularity has .0805; with only ratings above 2.5 as likes and to be found .0773"
        " rounded down, .0817 rounded up.",
    ),
    (
        "time-each",
        "liked",
        "Each user's last fifth, ratings above 2.5 are to be found, those below lower scores: what an installation"
        " does by itself.",
    ),
    (
        "time-global",
        "rated",
        "One cut in time, the newest fifth of all ratings. Most people came after the cut and have no history at"
        " all, so this mostly judges what newcomers get.",
    ),
)
AS_INSTALLED: tuple[Protocol, Relevant] = ("time-each", "liked")


@dataclass(frozen=True)
class Line:
    """A model under a protocol: its measures, once for each seed where these differ."""

    model: str
    found: Sequence[Measures]
    without_recency: Sequence[
        float
    ]  # NDCG@10 of the same fits; empty where a model has no such weight
    seconds: float
    chosen: bool

    def cells(self) -> Iterator[str]:
        """Yield the columns of the table."""
        yield f"**{self.model}**" if self.chosen else self.model
        for name in COLUMNS:
            yield _spread([getattr(measures, name) for measures in self.found])
        yield _spread(self.without_recency) if self.without_recency else "–"
        yield str(len(self.found))
        yield f"{self.seconds:.0f}"


def main(arguments: Sequence[str] | None = None) -> str:
    """Judge, print and write the section; return it."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _options(given)
    folder = _folder()
    dataset = read_ratings(folder)
    parts: list[str] = []
    text = ""
    for protocol, relevant, about in PROTOCOLS:
        task = make_task(dataset, protocol, relevant=relevant)
        comparison = search(task, budget=options.budget)
        lines = _judged(task, comparison, options.seeds)
        added = ["\n".join([f"### {_title(task)}", "", about, "", *_table(task, lines)])]
        if (protocol, relevant) == AS_INSTALLED:
            added.append(kinds(_refitted(task, comparison.best_first()[0], 0), task.dataset))
        print("\n\n".join(added), flush=True)
        parts += filter(None, added)
        text = section(dataset, parts, " ".join(["python -m tests.quality movielens", *given]))
        if not options.dry:
            write_section(
                "movielens", text
            )  # what is there already stays, should it be interrupted
    return text


def section(dataset: Dataset, parts: Sequence[str], command: str) -> str:
    """Return the section, from its heading on."""
    told = dataset.interactions
    counts = (
        f"{len(told):,} ratings of {len(told.user_ids):,} users for {len(dataset.items):,} films"
    )
    how = f"""MovieLens latest-small: {counts}. For every protocol the held-out part is set aside first. What is left
is parted once more in time for all choices, by the same code as `akin train recommendations`: the grid of each model,
the half-life of histories, the weights of the blend. What was chosen is fitted to all that is not held out, and judged
by the held-out part, which nothing was chosen by. In bold: the model that training would have taken. Lists of 10 from
the whole catalogue without what the user had rated; users are folded in from their ratings. Coverage is of the
catalogue, diversity 1 − the mean Jaccard likeness of two films' genres in a list. Where the seed makes a difference,
the mean over {SEEDS} seeds ± their standard deviation, the fit repeated and not the search. Without recency: the same fit
with histories whose reactions never get old. Seconds: search, tuning and one fit."""
    head = ["## MovieLens latest-small", "", machine(command, PACKAGES), "", how, "", KNOWN, ""]
    return "\n".join(head) + "\n" + "\n\n".join(parts)


def _judged(task: Task, comparison: Comparison, seeds: int) -> list[Line]:
    best = comparison.best_first()[0].name
    for note in comparison.notes:
        print(note, file=sys.stderr)
    return [_line(task, candidate, seeds, best) for candidate in comparison.candidates]


def _line(task: Task, candidate: Candidate, seeds: int, best: str) -> Line:
    started = time.perf_counter()
    fitted = _refitted(task, candidate, 0)
    found = [task.judge_fitted(fitted).measures]
    seconds = candidate.seconds + time.perf_counter() - started
    plain = _without_recency(task, fitted)
    for seed in range(1, seeds):
        fitted = _refitted(task, candidate, seed)
        measures = task.judge_fitted(fitted).measures
        if (measures.ndcg, measures.coverage) == (found[0].ndcg, found[0].coverage):
            break  # nothing is random
        found.append(measures)
        plain += _without_recency(task, fitted)
    print(f"{candidate.name} {found[0].ndcg:.4f}", file=sys.stderr, flush=True)
    return Line(candidate.name, found, plain, seconds, candidate.name == best)


def _refitted(task: Task, candidate: Candidate, seed: int) -> Fitted:
    return refit(candidate, task.dataset, seed=seed, progress=lambda _: None)


def _without_recency(task: Task, fitted: Fitted) -> list[float]:
    """Return the NDCG@10 with histories whose reactions never get old, where the model weights them."""
    if fitted.serving.get("kind") == "popularity" or "half_life" not in fitted.serving:
        return []
    return [task.judge_fitted(fitted.serving_with(half_life=None)).measures.ndcg]


def _title(task: Task) -> str:
    relevant = "every rating" if task.relevant == "rated" else "likes"
    return f"Held out: {task.parts.protocol}; to be found: {relevant}"


def _table(task: Task, lines: Sequence[Line]) -> list[str]:
    learned, judged = len(task.parts.train), len(task.users)
    starts = task.parts.train.starts
    known = sum(1 for user in task.users.tolist() if starts[user] < starts[user + 1])
    head = ["model", *COLUMNS.values(), "NDCG@10 without recency", "seeds", "seconds"]
    return [
        f"{judged:,} people judged ({known:,} of them with a history), {learned:,} ratings to learn from.",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *(f"| {' | '.join(line.cells())} |" for line in lines),
    ]


def _spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.4f}"
    return f"{mean(values):.4f} ± {stdev(values):.4f}"


def _folder() -> Path:
    base = Path(os.environ.get("AKIN_TEST_DATA", ROOT.parent / "shared" / "data"))
    folder = base / "ml-latest-small"
    if not folder.is_dir():
        sys.exit("ml-latest-small is not there: set AKIN_TEST_DATA to the folder of the data sets.")
    return folder


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.quality movielens", description=__doc__)
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds of each search")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--dry", action="store_true", help="print and write nothing")
    return parser.parse_args(arguments)
