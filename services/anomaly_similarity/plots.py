"""The pictures of the report. Needs matplotlib (extra `train`); serving never imports this file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl

from services.reports.pictures import LINE, STYLE, Bar, axes_of, bars, colour, svg


def precision(methods: Sequence[Mapping[str, Any]]) -> str:
    """Return P@1 of each method with its interval."""
    rows = [
        Bar(
            each["method"],
            each["p_at_1"][0],
            tuple(each["p_at_1"]),
            each["method"] == "chosen",
        )
        for each in methods
    ]
    return bars(rows, "P@1", "queries")


def certainty(every: Mapping[str, Any], answerable: Mapping[str, Any] | None) -> str:
    """Return the share of right first cases when only the most certain queries are answered."""
    with mpl.rc_context(STYLE):
        figure, axes = axes_of(6)
        for name, found, chosen in (
            ("all queries", every, True),
            ("those with something to find", answerable, False),
        ):
            if not found:
                continue
            shares = [each["coverage"] for each in found["risks"]]
            right = [1 - each["wrong"] for each in found["risks"]]
            axes.plot(shares, right, marker="o", color=colour(chosen=chosen), label=name)
        axes.axvline(1 - every["abstained"], color=LINE, linewidth=0.8, linestyle=":")
        axes.margins(0.12, 0.15)
        axes.set_xlim(1.02, min(each["coverage"] for each in every["risks"]) - 0.02)
        axes.set_xlabel("share of queries that are answered; dotted: as it abstains")
        axes.set_ylabel("P@1 of the answered")
        axes.grid(alpha=0.25)
        axes.legend(frameon=False, loc="lower right")  # curves that rise leave it free
        return svg(figure)
