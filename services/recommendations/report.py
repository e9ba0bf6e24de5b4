"""The report of a training, for programs and for people, as it goes into the version's folder.

It holds nothing that differs when the same data is trained on again: no times, and not what the gate said,
which depends on the model that served at that moment (the alias's history and the manifest have that). A
version is known by the hash of its files.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from services.recommendations.report_page import DIGITS, page
from services.recommendations.training_report import Row, TrainingReport, plain

JSON, PAGE = "report.json", "report.html"


def render(report: TrainingReport) -> dict[str, bytes]:
    """Return `report.json` and `report.html`; equal trainings give equal bytes.

    Without matplotlib the page has tables only.
    """
    told = _told(report)
    text = json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return {JSON: text.encode() + b"\n", PAGE: page(report).encode()}


def _told(report: TrainingReport) -> dict[str, Any]:
    data = report.data
    return {
        "chosen": report.chosen,
        "advantage_over_popularity": _finite(report.advantage),
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
        trials.append(_finite(found))
    return {
        "model": row.model,
        "measures": _finite(plain(row.measures)),
        "ndcg_interval": _finite(row.interval),
        "parameters": _finite(dict(row.parameters)),
        "chosen_by": _finite(row.chosen_by),
        "grid": trials,
    }


def _finite(value: Any) -> Any:
    """Return the value as JSON can hold it: None for NaN, plain rounded numbers for numpy's."""
    if isinstance(value, dict):
        return {str(name): _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    if hasattr(value, "item"):
        value = value.item()
    if not isinstance(value, float):
        return value
    return round(value, DIGITS) if math.isfinite(value) else None
