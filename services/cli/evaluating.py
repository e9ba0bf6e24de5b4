"""`akin evaluate`: how good the models are, by protocols whose figures can be compared with the literature."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from services.cli.console import Json, WorkspaceName, output, print_json, progress, with_resources
from services.model_store import LoadedVersion, ModelStore
from services.recommendations.candidates import BUDGET
from services.recommendations.datasets import Dataset, NotEnoughData
from services.recommendations.evaluation import COLD_HISTORY, LONG, TOP
from services.recommendations.judging import Findings, judge_models, judge_version
from services.recommendations.loading import MODEL
from services.recommendations.models import Progress
from services.recommendations.protocols import Protocol, Relevant, Task, make_task
from services.recommendations.ratings import read_ratings
from services.recommendations.snapshots import load
from services.web.resources import Resources

CHAMPION = "champion"
LONGEST = 100  # the longest list that can be asked for

# The options of the command, in the order in which its help lists them.
ProtocolName = Annotated[
    Protocol,
    typer.Option(
        help="`time`: the newest fifth, as training judges. `leave-last-out`: each person's last one, "
        "among all items. `ncf`: the same among 99 sampled ones (He et al., 2017)."
    ),
]
Length = Annotated[int, typer.Option("--k", min=1, max=LONGEST, help="Length of the lists.")]
Version = Annotated[
    str, typer.Option(help="A version of the workspace, or `champion`: what serves.")
]
Ratings = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        help="Train and judge on this file instead: CSV with user, item, rating (0..5) and timestamp, "
        "or a MovieLens folder.",
    ),
]
Wanted = Annotated[
    Relevant,
    typer.Option(
        help="What is to be found: what people `liked`, or whatever they `rated`, as the "
        "literature does for implicit feedback."
    ),
]
Seed = Annotated[int, typer.Option(help="Of random models and sampled negatives.")]
Budget = Annotated[float, typer.Option(min=1, help="Seconds for the search, as of `akin train`.")]

evaluating = typer.Typer(no_args_is_help=True, help="Judge models by published protocols.")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(evaluating, name="evaluate")


@evaluating.command("recommendations")
def evaluate_recommendations(
    protocol: ProtocolName = "time",
    k: Length = TOP,
    model: Version = CHAMPION,
    ratings: Ratings = None,
    relevant: Wanted = "liked",
    seed: Seed = 0,
    budget: Budget = BUDGET,
    workspace: WorkspaceName = "default",
    json: Json = False,
) -> None:
    """Judge a stored model on the workspace's data, or, with `--ratings`, every kind of model on a file.

    A stored model is judged honestly only by what came after its training; the answer says how much did.
    """
    if ratings is not None and model != CHAMPION:
        raise typer.BadParameter("--model and --ratings exclude each other.")
    asked = partial(make_task, protocol=protocol, relevant=relevant, seed=seed)
    if ratings is None:
        dataset, version = with_resources(lambda r: _stored(r, workspace, model))
        found = judge_version(asked(dataset), version, k=k)
    else:
        found = _judge_file(ratings, asked, k=k, seed=seed, budget=budget)
    if json:
        print_json({**asdict(found), "workspace": None if ratings else workspace, "seed": seed})
    else:
        _print(found)


def _judge_file(
    ratings: Path, asked: Callable[[Dataset], Task], *, k: int, seed: int, budget: float
) -> Findings:
    with progress() as bar:
        task = bar.add_task("Evaluating", total=1.0)

        def within(stage: str, start: float, end: float) -> Progress:
            bar.update(task, description=f"Evaluating: {stage}", completed=start)
            return lambda share: bar.update(task, completed=start + (end - start) * share)

        asked_of = asked(read_ratings(ratings, progress=within("reading", 0.0, 0.2)))
        judging = within("fitting and judging", 0.2, 1.0)
        return judge_models(asked_of, k=k, seed=seed, budget=budget, progress=judging)


async def _stored(
    resources: Resources, workspace: str, model: str
) -> tuple[Dataset, LoadedVersion]:
    version = await asyncio.to_thread(_version, resources.models(), workspace, model)
    database = await resources.database()
    async with database.reading(workspace) as connection:
        return await load(connection, workspace), version


def _version(store: ModelStore, workspace: str, model: str) -> LoadedVersion:
    if model != CHAMPION:
        return store.load(workspace, MODEL, model)
    current = store.current(workspace, MODEL)
    if current is None:
        raise NotEnoughData(
            "No model serves yet: run `akin train recommendations`, or give a file with --ratings."
        )
    return store.load(workspace, MODEL, current.version)


def _print(found: Findings) -> None:
    k = found.k
    names = {
        "ndcg": f"NDCG@{k}",
        "recall": f"recall@{k}" + (" (hit rate)" if found.protocol in _ONE_EACH else ""),
        "recall_at_20": f"recall@{LONG}",
        "map": f"MAP@{k}",
        "coverage": f"coverage@{k}",
        "diversity": "diversity by genres",
        "model_diversity": "diversity as the model sees it",
        "cold_users": f"cold people (≤ {COLD_HISTORY} reactions)",
        "cold_users_ndcg": f"… their NDCG@{k}",
        "cold_items": "likes of cold items",
        "cold_items_ndcg": f"… NDCG@{k} among these",
    }
    table = Table("", *(row.model for row in found.rows), box=None, pad_edge=False)
    for name, title in names.items():
        table.add_row(title, *(_figure(getattr(row.measures, name)) for row in found.rows))
    table.add_row("seconds", *(f"{row.seconds:.1f}" for row in found.rows))
    output.print(table)
    output.print(
        f"{found.sentence} {found.users:,} people judged, {found.learned_from:,} reactions to learn"
        f" from, {found.held_out:,} held out."
    )
    if found.chosen is not None:
        output.print(f"`akin train` would have chosen {found.chosen}.", highlight=False)
    for note in found.notes:
        output.print(note)


_ONE_EACH = ("leave-last-out", "ncf")  # one item is to be found for each person


def _figure(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return "–" if math.isnan(value) else f"{value:.4f}"
