"""The report of a training, for programs and for people, as it goes into the version's folder.

It holds nothing that differs when the same data is trained on again: a version is known by the hash of its files.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from services.anomaly_similarity.report_page import page_of
from services.anomaly_similarity.search.evaluation import Judged, interval
from services.anomaly_similarity.search.held_out import Certainty
from services.anomaly_similarity.search.training import Trained
from services.anomaly_similarity.snapshots import Snapshot
from services.reports.figures import as_json, finite

JSON, PAGE = "report.json", "report.html"
PROTOCOL = (
    "later anomalies ask and see only earlier ones: the first half of those that can be judged is learned from, the "
    "next fifth chooses and calibrates, the last three tenths judge"
)


def told(trained: Trained, snapshot: Snapshot, *, notes: list[str]) -> dict[str, Any]:
    """Return what there is to tell, as JSON can hold it; intervals are mean, low and high."""
    report, corpus = trained.report, snapshot.corpus
    judged = {name: each for name, each in report.judged.items() if name != "champion"}
    first = next(iter(judged.values()), None)
    found: dict[str, Any] = {
        "chosen": dict(report.weights),
        "relevant_by": list(corpus.key),
        "late": sorted(corpus.late),
        "queries": len(first.first) if first else 0,
        "queries_with_seen_text": int(first.seen.sum()) if first else 0,
        "methods": [
            {"method": name, "chosen_by": report.chosen_by.get(name), **measures(each)}
            for name, each in judged.items()
        ],
        "certainty": _certainty(report.certainty),
        "certainty_with_something_to_find": _certainty(report.certainty_of_answerable),
        "threshold": trained.model.calibration.threshold,
        "anomalies": len(corpus.cases),
        "verdicts": len(corpus.verdicts),
        "from": corpus.cases[0].timestamp.isoformat(),
        "to": corpus.cases[-1].timestamp.isoformat(),
        "notes": [*report.notes, *notes],
    }
    plain: dict[str, Any] = finite(found)
    return plain


def measures(judged: Judged) -> dict[str, Any]:
    """Return P@1, hit@5 and MRR with their intervals, and P@1 of texts that were there before, or not."""
    return {
        "p_at_1": interval(judged.first),
        "hit_at_5": interval(judged.hit),
        "mrr": interval(judged.reciprocal),
        "p_at_1_of_seen_texts": interval(judged.first[judged.seen]),
        "p_at_1_of_unseen_texts": interval(judged.first[~judged.seen]),
    }


def render(found: dict[str, Any]) -> dict[str, bytes]:
    """Return `report.json` and `report.html` of what is told; without matplotlib the page has tables only."""
    return {JSON: as_json(found), PAGE: page_of(found).encode()}


def _certainty(found: Certainty | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        **asdict(found),
        "risks": [{"coverage": share, "wrong": wrong} for share, wrong in found.risks],
    }
