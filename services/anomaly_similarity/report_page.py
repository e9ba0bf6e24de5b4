"""The report of a training as one page for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from services.reports.figures import figure
from services.reports.page import page, table

CHOSEN = "chosen"
MEASURES = {
    "p_at_1": "P@1",
    "hit_at_5": "hit@5",
    "mrr": "MRR",
    "p_at_1_of_seen_texts": "P@1 seen text",
    "p_at_1_of_unseen_texts": "P@1 unseen",
}


def name_of(weights: Mapping[str, float]) -> str:
    """Return a blend in words: labels + 0.27 lsa."""
    told = [(name, weight) for name, weight in weights.items() if weight]
    return " + ".join(name if weight == 1 else f"{weight:.2g} {name}" for name, weight in told)


def page_of(found: Mapping[str, Any]) -> str:
    """Return the page for what `report.told` says; without matplotlib it has no pictures."""
    name = name_of(found["chosen"])
    parts = [
        f"<h1>Chosen: {escape(name)}</h1>",
        f'<p class="lead">{_why(found)}</p>',
        *(f"<p>{escape(note)}</p>" for note in found["notes"]),
        *_pictures(found),
        *_methods(found),
        *_certainty(found),
        "<h2>The data</h2>",
        _data(found),
        "<h2>How it was judged</h2>",
        _protocol(found),
    ]
    return page(f"Similar anomalies: {name}", parts)


def _why(found: Mapping[str, Any]) -> str:
    chosen = _of(found, CHOSEN)
    if chosen is None:
        return "Nothing could be judged yet: it takes anomalies that are known to be alike."
    mean, low, high = chosen["p_at_1"]
    return (
        f"The first case is a relevant one for <b>{mean:.0%}</b> of {found['queries']:,} later anomalies"
        f" (95 % interval {low:.0%} to {high:.0%}), one of the first five for {chosen['hit_at_5'][0]:.0%}."
        " They had no say in the choice."
    )


def _of(found: Mapping[str, Any], method: str) -> Mapping[str, Any] | None:
    return next((each for each in found["methods"] if each["method"] == method), None)


def _pictures(found: Mapping[str, Any]) -> list[str]:
    if not found["methods"]:
        return []
    try:
        from services.anomaly_similarity import plots  # noqa: PLC0415 - the extra `train`
    except ImportError:
        return []
    pictures = ["<h2>How often the first case is relevant</h2>", plots.precision(found["methods"])]
    if found["certainty"]:
        pictures += [
            "<h2>Answering only what is certain</h2>",
            plots.certainty(found["certainty"], found["certainty_with_something_to_find"]),
        ]
    return pictures


def _methods(found: Mapping[str, Any]) -> Iterable[str]:
    if not found["methods"]:
        return
    yield "<h2>All methods</h2>"
    names = [each["method"] for each in found["methods"]]
    lines = [
        [
            escape(each["method"]),
            *(figure(each[name][0]) for name in MEASURES),
            figure(each["chosen_by"]),
        ]
        for each in found["methods"]
    ]
    yield table(
        ["", *MEASURES.values(), "MRR, queries that chose"], lines, chosen=names.index(CHOSEN)
    )


def _certainty(found: Mapping[str, Any]) -> Iterable[str]:
    told = {
        "all": found["certainty"],
        "with something to find": found["certainty_with_something_to_find"],
    }
    lines = [
        [
            name,
            f"{each['queries']:,}",
            figure(each["error_of_pairs"]),
            figure(each["error_of_first"]),
            figure(each["abstained"]),
            figure(each["abstained_rightly"]),
        ]
        for name, each in told.items()
        if each
    ]
    if lines:
        head = [
            "queries",
            "number",
            "error of the first five",
            "of the first",
            "abstained",
            "rightly",
        ]
        yield "<h2>How far the similarity is a probability</h2>"
        yield table(head, lines)
        yield (
            '<p class="small">Error: the mean difference between the stated probability and the share that is '
            "relevant (expected calibration error, ten bins). Abstained: below "
            f"{figure(found['threshold'])} the answer is “no similar case”; rightly, where the first case was "
            "not relevant.</p>"
        )


def _data(found: Mapping[str, Any]) -> str:
    key, late = (", ".join(map(escape, found[name])) for name in ("relevant_by", "late"))
    alike = (
        f"Two are alike when they have the same {key}" if key else "Nothing tells which are alike"
    )
    hidden = f" Not searched by: {late}." if late else ""
    return (
        f"<p>{found['anomalies']:,} anomalies from {found['from'][:10]} to {found['to'][:10]}, and"
        f" {found['verdicts']:,} verdicts. {alike}, or when an operator says so.{hidden}</p>"
    )


def _protocol(found: Mapping[str, Any]) -> str:
    return (
        "<p>Later anomalies ask and see only earlier ones. Of those that can be judged the first half is learned"
        " from, the next fifth chooses and calibrates, and the last three tenths judge. What was chosen was then"
        f" fitted to everything. {found['queries_with_seen_text']:,} of the {found['queries']:,} queries have a"
        " text that had been there before.</p>"
        '<p class="small">P@1: the first case is relevant. Hit@5: one of the first five is. MRR: the mean of 1 /'
        " rank of the first relevant one. Whether the version serves was decided at its publication:"
        " <code>akin models history --name similarity</code>.</p>"
    )
