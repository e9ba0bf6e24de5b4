"""The report of a training as one page for people: text, tables, and pictures inside it."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from services.recommendations.evaluation import COLD_HISTORY, Interval
from services.recommendations.training_report import Row, TrainingReport
from services.reports.figures import DIGITS, figure
from services.reports.page import page as document
from services.reports.page import table

MEASURES = {
    "ndcg": "NDCG@10",
    "recall": "recall@10",
    "recall_at_20": "recall@20",
    "map": "MAP@10",
    "coverage": "coverage",
    "diversity": "diversity by genres",
    "model_diversity": "diversity to the model",
    "auc_of_shown": "AUC of what was shown",
}


def page(report: TrainingReport) -> str:
    """Return the page; without matplotlib it has no pictures."""
    parts = [
        f"<h1>Chosen: {escape(report.chosen)}</h1>",
        f'<p class="lead">{_why(report)}</p>',
        *_notes(report),
        *_pictures(report),
        "<h2>All models</h2>",
        _models(report),
        *_cold(report),
        *_grid(report),
        "<h2>The data</h2>",
        _data(report),
        "<h2>How it was judged</h2>",
        *_protocol(report),
    ]
    return document(f"Training: {report.chosen}", parts)


def _why(report: TrainingReport) -> str:
    row = next(row for row in report.rows if row.model == report.chosen)
    name = report.criterion.name
    reached = f"{name} is <b>{figure(_reached(report, row))}</b>"
    if row.chosen_by is None:
        how = f"{_rank(report)} for the {report.judges:,} people it was judged by. Its {reached}"
    else:
        how = (
            f"{_rank(report)} for the {report.choosers:,} people who chose ({row.chosen_by:.4f}). For the"
            f" {report.judges:,} others, who had no say in it, its {reached}"
        )
    if report.chosen == "popularity":
        return f"{how}: what most people like, the same for everybody."
    mean, low, high = report.advantage
    sure = "better" if low > 0 else "not surely better"
    return (
        f"{how}, {mean:+.4f} against popularity (95 % interval {low:+.4f} to {high:+.4f}):"
        f" {sure} than showing everybody the same."
    )


def _reached(report: TrainingReport, row: Row) -> float:
    return float(getattr(row.measures, report.criterion.measure))


def _rank(report: TrainingReport) -> str:
    if len(report.rows) == 1:
        return "It is the only model that could be trained, and was looked at"
    reached = {row.model: row.chosen_by or _reached(report, row) for row in report.rows}
    if reached[report.chosen] == max(reached.values()):
        return f"It ranked best of {len(report.rows)} kinds of model"
    return f"It ranked best of those of {len(report.rows)} kinds of model that pass the gate,"


def _notes(report: TrainingReport) -> list[str]:
    return [f"<p>{escape(note)}</p>" for note in report.notes]


def _pictures(report: TrainingReport) -> list[str]:
    try:
        from services.recommendations import plots  # noqa: PLC0415 - the extra `train`
    except ImportError:
        return []
    points = [
        plots.Point(
            row.model,
            round(row.measures.ndcg, DIGITS),
            round(row.measures.coverage, DIGITS),
            _rounded(row.interval),
            [round(trial.score, DIGITS) for trial in row.trials if trial.score is not None],
            row.model == report.chosen,
        )
        for row in report.rows
    ]
    pictures = [
        "<h2>How well each ranks</h2>",
        plots.bars(points),
        "<h2>How much of the catalogue people see</h2>",
        plots.scatter(points),
    ]
    if any(point.trials for point in points):
        pictures += ["<h2>What the search found</h2>", plots.grid(points, report.criterion.name)]
    return pictures


def _rounded(interval: Interval | None) -> Interval | None:
    if interval is None:
        return None
    mean, low, high = interval
    return round(mean, DIGITS), round(low, DIGITS), round(high, DIGITS)


def _models(report: TrainingReport) -> str:
    lines = [
        [escape(row.model), *(figure(getattr(row.measures, name)) for name in MEASURES)]
        for row in report.rows
    ]
    return table(["", *MEASURES.values()], lines, chosen=_place(report))


def _cold(report: TrainingReport) -> list[str]:
    """Whoever is new, and what is new: the same for every model but for how it does."""
    first = report.rows[0].measures
    if not first.cold_users and not first.cold_items:
        return []
    head = [
        "",
        f"NDCG@10 of people with ≤ {COLD_HISTORY} reactions ({first.cold_users:,})",
        f"NDCG@10 among items that nobody had liked ({first.cold_items:,} likes)",
    ]
    lines = [
        [
            escape(row.model),
            figure(row.measures.cold_users_ndcg),
            figure(row.measures.cold_items_ndcg),
        ]
        for row in report.rows
    ]
    return ["<h2>New people, new items</h2>", table(head, lines, chosen=_place(report))]


def _grid(report: TrainingReport) -> list[str]:
    lines = [
        [
            escape(trial.model),
            _settings({**trial.parameters, **trial.serving}),
            figure(trial.score),
        ]
        for row in report.rows
        for trial in row.trials
    ]
    if not lines:
        return []
    head = ["", "parameters", f"{report.criterion.name}, choosers"]
    return ["<h2>The grid</h2>", f'<div class="settings">{table(head, lines)}</div>']


def _data(report: TrainingReport) -> str:
    data = report.data
    when = f" from {data.start:%d %B %Y} to {data.end:%d %B %Y}" if data.start and data.end else ""
    return (
        f"<p>{data.rows:,} reactions of {data.users:,} people to {data.items:,} items{when}."
        f' <span class="small">SHA-256 <code>{escape(data.sha256)}</code></span></p>'
    )


def _protocol(report: TrainingReport) -> Iterable[str]:
    yield (
        f"<p>Held out: {escape(report.protocol)}. The models learned from the rest, and each gave every "
        "person a list of ten from the whole catalogue, without what that person had reacted to. What "
        "the person liked later is what was to be found there. The model that was chosen was then "
        "fitted to everything.</p>"
    )
    yield (
        '<p class="small">NDCG: hits, those higher up in the list count more, 1 for a perfect list. '
        "Recall: found of what was to be found. MAP: mean precision at the hits. Coverage: share of "
        "the catalogue in anybody’s list. Diversity: 1 − the mean likeness of two items of a list. "
        "Whether the version serves was decided at its publication: <code>akin models history</code>.</p>"
    )


def _place(report: TrainingReport) -> int:
    return [row.model for row in report.rows].index(report.chosen)


def _settings(parameters: dict[str, Any]) -> str:
    return escape(", ".join(f"{n} {_short(v)}" for n, v in parameters.items() if n != "model"))


def _short(value: object) -> str:
    if isinstance(value, dict):
        return " + ".join(f"{_short(share)} {name}" for name, share in value.items())
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
