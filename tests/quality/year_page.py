"""The section of docs/quality.md on the simulated year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TITLE = "A simulated year of users with hidden tastes"
PICTURE = "quality-year.svg"

PROTOCOL = """{users:,} people with hidden tastes come over {days} days ({visits:,} visits, {lists:,} lists of 10; a
visit has two to four) to a catalogue of {items:,} items, of which half is there at the start, the rest arrives day
by day, and 3 % leave. After every list they like, dislike or pass over each item, by taste, by the item's general
appeal, and with noise; nobody is shown an item twice. All policies meet the same people on the same days, and the
same person reacts to the same item in the same way. *Random* and *popular* know only what is there and what was
liked so far. *Daily LightFM* is trained at the end of each day on all likes so far (WARP, 64 dimensions, genres as
features, three epochs a day from yesterday's model on) and serves a user's state as of then; who is newer gets what
is popular. *Akin* is the serving code itself, with SQLite and the cache in the process, trained as
`akin train recommendations` does, on seven of the first eleven days and then only every {every} days, the candidates
being popularity, LightFM, RLFM and their blend, each with the first point of its grid: what it learns in between, it
learns online.

Precision: likes per item shown. NDCG: by the true probability of a like, against the best list that was possible
for this person at this moment. Diversity: 1 − the mean Jaccard similarity of two items' genres in a list. Coverage:
items shown to anybody at any time, of all that were there. New users: those who came first after four weeks.
"""


def section(figures: Mapping[str, Any]) -> str:
    """Return the section, from its heading on."""
    lines = [
        f"## {TITLE}",
        "",
        f"`{figures['command']}`, {figures['minutes']:.0f} minutes.",
        "",
        PROTOCOL.format(**figures["world"], every=figures["training_every"]),
        f"![Four policies over the year]({PICTURE})",
        "",
        *_table(figures["policies"]),
        "",
        *(_target(target) for target in figures.get("targets", ())),
        *_latency(figures),
    ]
    return "\n".join(lines) + "\n"


def _table(policies: Mapping[str, Any]) -> list[str]:
    measures = ("precision", "ndcg", "diversity", "coverage")
    head = [*measures[:1], "NDCG@10", *measures[2:], "new users: list 1", "2", "3"]
    rows = [f"| policy | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    for name, policy in policies.items():
        values = [policy[measure] for measure in measures] + policy["of_new_users"]["by_list"][:3]
        rows.append(f"| {name} | {' | '.join(map(_number, values))} |")
    return rows


def _target(target: Mapping[str, Any]) -> str:
    reached = "reached" if target["value"] >= target["target"] else "**missed**"
    low_high: Sequence[float] = target.get("interval", ())
    interval = f" (95 % interval {low_high[0]:.2f} to {low_high[1]:.2f})" if low_high else ""
    found = f"{target['value']:.2f}{interval}, target at least {target['target']:g}: {reached}."
    what = target["what"]
    return f"- {what[0].upper()}{what[1:]}: {found}"


def _latency(figures: Mapping[str, Any]) -> list[str]:
    akin = figures["policies"].get("Akin")
    if akin is None:
        return []
    took = akin["milliseconds"]
    return [
        f"- A list of Akin took {took['p50']:.1f} ms (median) and {took['p99']:.0f} ms (99th percentile), with eight"
        " people asking at the same moment, in one process on SQLite."
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
