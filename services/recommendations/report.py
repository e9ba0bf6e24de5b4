"""The report of a training, for programs and for people, as it goes into the version's folder.

It holds nothing that differs when the same data is trained on again: no times, and not what the gate said,
which depends on the model that served at that moment (the alias's history and the manifest have that). A
version is known by the hash of its files.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from services.recommendations.report_page import page
from services.recommendations.training_report import Row, TrainingReport, plain
from services.reports.figures import as_json, finite

JSON, PAGE = "report.json", "report.html"


def render(report: TrainingReport) -> dict[str, bytes]:
    """Return `report.json` and `report.html`; equal trainings give equal bytes.

    Without matplotlib the page has tables only.
    """
    return {JSON: as_json(_told(report)), PAGE: page(report).encode()}


def _told(report: TrainingReport) -> dict[str, Any]:
    data = report.data
    return {
        "chosen": report.chosen,
        "advantage_over_popularity": finite(report.advantage),
        "protocol": report.protocol,
        "criterion": report.criterion.name,
        "choosers": report.choosers,
        "judges": report.judges,
        "data": {
            "from": data.start.isoformat() if data.start else None,
            "to": data.end.isoformat() if data.end else None,
            "rows": data.rows,
            "users": data.users,
            "items": data.items,
            "sha256": data.sha256,
        },
        "models": [_model(row) for row in report.rows],
        "notes": list(report.notes),
    }


def _model(row: Row) -> dict[str, Any]:
    trials = []
    for trial in row.trials:
        found = asdict(trial)
        del found["seconds"]
        trials.append(finite(found))
    return {
        "model": row.model,
        "measures": finite(plain(row.measures)),
        "ndcg_interval": finite(row.interval),
        "parameters": finite(dict(row.parameters)),
        "chosen_by": finite(row.chosen_by),
        "grid": trials,
    }
