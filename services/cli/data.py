"""`akin migrate`, `akin import`, `akin train`: the schema, data, models."""

from __future__ import annotations

import asyncio
import math
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from services.cli import loading_anomalies
from services.cli.announcing import announce
from services.cli.console import (
    Json,
    WorkspaceName,
    output,
    print_json,
    progress,
    with_resources,
)
from services.cli.loading import Summary, load_movielens
from services.database import migrate as run_migrations
from services.recommendations.candidates import BUDGET
from services.recommendations.config import RecommendationsSettings
from services.recommendations.feedback import strengths_with
from services.recommendations.loading import MODEL
from services.recommendations.training import TrainingReport, train
from services.web.config import PlatformSettings
from services.web.resources import Resources

importing = typer.Typer(no_args_is_help=True, help="Import data. What cannot be read is set aside.")
training = typer.Typer(no_args_is_help=True, help="Train models, publish and promote them.")

_MEASURES = {
    "users": "people judged by",
    "ndcg": "NDCG@10",
    "recall": "recall@10",
    "recall_at_20": "recall@20",
    "map": "MAP@10",
    "coverage": "coverage@10",
    "diversity": "diversity by genres",
    "model_diversity": "diversity to the model",
    "auc_of_shown": "AUC of what was shown",
    "cold_users": "cold people (≤ 3 reactions)",
    "cold_users_ndcg": "… their NDCG@10",
    "cold_items": "likes of cold items",
    "cold_items_ndcg": "… NDCG@10 among these",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(migrate)
    app.add_typer(importing, name="import")
    app.add_typer(training, name="train")


def migrate() -> None:
    """Bring the database's schema to the newest revision; harmless when it is there."""
    settings = PlatformSettings()
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    output.print(f"The schema is at revision {asyncio.run(run_migrations(settings.database))}.")


@importing.command("movielens")
def import_movielens(
    folder: Annotated[Path, typer.Argument(help="ml-latest-small, ml-100k, ml-1m or ml-25m.")],
    workspace: WorkspaceName = "default",
    json: Json = False,
) -> None:
    """Import a MovieLens folder: films and ratings. Importing it again counts nothing twice.

    Rows that cannot be read are written to a file in `AKIN_HOME`, each with its line and the reason.
    """

    async def work(resources: Resources) -> Summary:
        return await load_movielens(resources, folder, workspace)

    summary = with_resources(work)
    if json:
        print_json(asdict(summary))
    else:
        output.print(summary.sentence())


@importing.command("anomalies")
def import_anomalies(
    file: Annotated[Path, typer.Argument(help="CSV in UTF-8, with a header.", dir_okay=False)],
    columns: Annotated[
        list[str],
        typer.Option(
            "--map",
            help="field=column; repeat it. attributes=column keeps any other; field:=value is for all rows.",
        ),
    ],
    workspace: WorkspaceName = "default",
    json: Json = False,
) -> None:
    """Record the anomalies of a CSV file. Importing it again changes nothing.

    Fields are anomaly_id, description, severity, timestamp, recommended_product, solution, outcome,
    component_ids, user_names and attributes. Rows that cannot be read are written to a file in `AKIN_HOME`,
    each with its line and the reason.
    """

    async def work(resources: Resources) -> loading_anomalies.Summary:
        return await loading_anomalies.load_anomalies(resources, file, columns, workspace)

    summary = with_resources(work)
    if json:
        print_json(asdict(summary))
    else:
        output.print(summary.sentence())


Seed = Annotated[int, typer.Option(help="The same data and seed give the same version.")]
Budget = Annotated[
    float,
    typer.Option(
        help="Seconds to aim at. Six tenths are for the search: a fit that would end later, by the time of "
        "the smaller ones of its kind, is left out; one that has begun is finished.",
        min=1,
    ),
]


@training.command("recommendations")
def train_recommendations(
    workspace: WorkspaceName = "default",
    seed: Seed = 0,
    budget: Budget = BUDGET,
    json: Json = False,
) -> None:
    """Train on all interactions, judge by the latest ones, publish, and promote what is better."""
    report = _train(workspace, seed, budget)
    if json:
        print_json(asdict(report))
    else:
        _print(report)
        folder = PlatformSettings().models.removeprefix("file://")
        output.print(f"Report: {folder}/{workspace}/{MODEL}/{report.version}/report.html")


def _train(workspace: str, seed: int, budget: float) -> TrainingReport:
    chosen = RecommendationsSettings()
    with progress() as bar:
        task = bar.add_task("Training", total=1.0)

        def show(stage: str, share: float) -> None:
            bar.update(task, description=f"Training: {stage}", completed=share)

        async def work(resources: Resources) -> TrainingReport:
            database, models = await resources.database(), resources.models()
            report = await train(
                database,
                models,
                workspace,
                seed=seed,
                report=show,
                budget=budget,
                half_life=chosen.half_life,
                strengths=strengths_with(chosen.strengths),
            )
            if report.promoted:
                await announce(resources, workspace, MODEL, report.version)
            return report

        return with_resources(work)


def _print(report: TrainingReport) -> None:
    table = Table("", *(row.model for row in report.rows), box=None, pad_edge=False)
    for name in asdict(report.rows[0].measures):
        values = [_figure(getattr(row.measures, name)) for row in report.rows]
        table.add_row(_MEASURES.get(name, name), *values)
    if report.choosers:
        chosen_by = [_figure(row.chosen_by) for row in report.rows]
        table.add_row(f"{report.criterion.name}, people who choose", *chosen_by)
    table.add_row("seconds", *(f"{row.seconds:.1f}" for row in report.rows))
    output.print(table)
    mean, low, high = report.advantage
    output.print(
        f"Judged by {report.protocol}. {report.chosen} has {mean:+.4f} {report.criterion.name} over popularity "
        f"(95 % interval {low:+.4f} to {high:+.4f})."
    )
    for note in report.notes:
        output.print(note)
    verb = "Promoted" if report.promoted else "Not promoted"
    output.print(f"{verb}: {report.version}. {report.reason}")


def _figure(value: object) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.4f}"
    return str(value)
