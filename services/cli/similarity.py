"""`akin train similarity`, `akin evaluate similarity`: the search for similar anomalies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from services.anomaly_similarity import evaluating as judging
from services.anomaly_similarity.config import AnomalySimilaritySettings
from services.anomaly_similarity.loading import MODEL
from services.anomaly_similarity.report import JSON, PAGE, render
from services.anomaly_similarity.report_page import MEASURES, name_of
from services.anomaly_similarity.search.training import BUDGET, Report
from services.anomaly_similarity.training import Published, train
from services.cli.announcing import announce
from services.cli.console import Json, WorkspaceName, output, print_json, progress, with_resources
from services.cli.data import training
from services.cli.evaluating import evaluating
from services.web.config import PlatformSettings
from services.web.resources import Resources

RelevantBy = Annotated[
    list[str] | None,
    typer.Option(
        help="What makes two anomalies alike: attributes, `component`, `product`, `severity`, with commas "
        "between, such as `part,failure`. Default: AKIN_ANOMALY_SIMILARITY_RELEVANT_BY."
    ),
]
Late = Annotated[
    list[str] | None,
    typer.Option(
        help="Attributes that nobody knows when an anomaly is asked for, with commas between. Default: "
        "AKIN_ANOMALY_SIMILARITY_LATE."
    ),
]
Seconds = Annotated[
    float,
    typer.Option(
        "--budget",
        min=0,
        help="Seconds to aim at. A fifth is for the first fits: a method that is not begun by then is left out.",
    ),
]
File = Annotated[
    Path | None,
    typer.Argument(exists=True, dir_okay=False, help="CSV, to be judged instead of the workspace."),
]
Columns = Annotated[
    list[str] | None, typer.Option("--map", help="field=column, as for `akin import anomalies`.")
]
Out = Annotated[
    Path | None,
    typer.Option(file_okay=False, help=f"A folder for {JSON} and, with plots, {PAGE}."),
]


def register() -> None:
    """Add the commands to those that train and judge."""
    training.command("similarity")(train_similarity)
    evaluating.command("similarity")(evaluate_similarity)


def train_similarity(
    workspace: WorkspaceName = "default",
    budget: Seconds = BUDGET.total_seconds(),
    relevant_by: RelevantBy = None,
    late: Late = None,
    json: Json = False,
) -> None:
    """Train on all anomalies, judge by the latest ones, publish, and promote what is not worse.

    What is tried: BM25, TF-IDF of words and of characters, LSA, a projection learned from `--relevant-by`,
    structured fields, shapes, and blends of these.
    """
    key, hidden = _names(relevant_by, late)

    async def work(resources: Resources, report: Report) -> Published:
        found = await train(
            await resources.database(),
            resources.models(),
            workspace,
            key=key,
            late=hidden,
            embeddings=AnomalySimilaritySettings().embeddings,
            budget=timedelta(seconds=budget),
            report=report,
        )
        if found.promoted:
            await announce(resources, workspace, MODEL, found.version)
        return found

    with _shown("Training") as report:
        found = with_resources(lambda resources: work(resources, report))
    if json:
        print_json(asdict(found))
        return
    _print(found.evaluation, found.champion)
    verb = "Promoted" if found.promoted else "Not promoted"
    output.print(f"{verb}: {found.version}. {found.reason}")
    folder = PlatformSettings().models.removeprefix("file://")
    output.print(f"Report: {folder}/{workspace}/{MODEL}/{found.version}/{PAGE}")


def evaluate_similarity(
    file: File = None,
    columns: Columns = None,
    workspace: WorkspaceName = "default",
    budget: Seconds = BUDGET.total_seconds(),
    relevant_by: RelevantBy = None,
    late: Late = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Judge every method anew by the latest anomalies, and beside them what serves; nothing is published.

    Each is fitted to what was there before the anomalies that judge, what serves as well: it is judged by what
    it chose, not by what it may have seen.
    """
    if (file is None) != (columns is None):
        raise typer.BadParameter("FILE and --map belong together.")
    key, hidden = _names(relevant_by, late)
    with _shown("Evaluating") as report:
        limit = timedelta(seconds=budget)
        if file is not None:
            found = judging.judge_file(
                file,
                columns or [],
                key=key,
                late=hidden,
                embeddings=AnomalySimilaritySettings().embeddings,
                budget=limit,
                report=report,
            )
        else:
            found = with_resources(lambda r: _judge(r, workspace, key, hidden, limit, report))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in render(found.evaluation).items():
            (out / name).write_bytes(content)
    if json:
        print_json(asdict(found))
    else:
        _print(found.evaluation, found.champion)


async def _judge(
    resources: Resources,
    workspace: str,
    key: Sequence[str],
    late: Sequence[str],
    budget: timedelta,
    report: Report,
) -> judging.Evaluation:
    database, models = await resources.database(), resources.models()
    return await judging.judge_workspace(
        database,
        models,
        workspace,
        key=key,
        late=late,
        embeddings=AnomalySimilaritySettings().embeddings,
        budget=budget,
        report=report,
    )


def _names(
    relevant_by: Sequence[str] | None, late: Sequence[str] | None
) -> tuple[list[str], list[str]]:
    """Return the names that were given, or else the settings'."""
    settings = AnomalySimilaritySettings()
    key = settings.relevant_by if relevant_by is None else _split(relevant_by)
    return key, settings.late if late is None else _split(late)


def _split(words: Sequence[str]) -> list[str]:
    return [name.strip() for word in words for name in word.split(",") if name.strip()]


@contextmanager
def _shown(verb: str) -> Iterator[Report]:
    with progress() as bar:
        task = bar.add_task(verb, total=1.0)
        yield lambda stage, share: bar.update(task, description=f"{verb}: {stage}", completed=share)


def _print(found: Mapping[str, Any], champion: Mapping[str, Any] | None) -> None:
    rows = [*found["methods"], *([{"method": "what serves", **champion}] if champion else [])]
    if rows:
        table = Table("", *MEASURES.values(), box=None, pad_edge=False)
        for row in rows:
            table.add_row(row["method"], *(_spread(row[name]) for name in MEASURES))
        output.print(table)
    for note in found["notes"]:
        output.print(note)
    sure = found["certainty"]
    chosen = name_of(found["chosen"])
    output.print(f"Chosen: {chosen}. Judged by {found['queries']:,} queries.", highlight=False)
    if sure:
        output.print(
            f"Calibration error {sure['error_of_pairs']:.3f}; {sure['abstained']:.0%} of {sure['queries']:,} "
            f"queries are abstained from, {_share(sure['abstained_rightly'])} of these rightly.",
            highlight=False,
        )


def _spread(interval: Sequence[float | None]) -> str:
    mean, low, high = interval
    if mean is None or low is None or high is None:
        return "–"
    return f"{mean:.3f} ({low:.2f}–{high:.2f})"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
