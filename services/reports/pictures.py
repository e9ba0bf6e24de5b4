"""Pictures as SVG that is the same for the same figures, byte by byte.

Needs matplotlib (extra `train`); serving never imports this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

CHOSEN, OTHER, LINE = "#2563eb", "#94a3b8", "#1e293b"
WIDTH = 7.2  # inches; the page is as wide
BAR = 0.42  # inches a bar
# Text as outlines: the same on every machine, whatever fonts it has. Ids of parts are hashed, not random.
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "akin",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": OTHER,
    "text.color": LINE,
    "axes.labelcolor": LINE,
    "xtick.color": LINE,
    "ytick.color": LINE,
}


@dataclass(frozen=True)
class Bar:
    """A figure by name; `interval` is its mean and the ends of its 95 % interval."""

    name: str
    value: float
    interval: tuple[float, float, float] | None
    chosen: bool

    @property
    def end(self) -> float:
        """Where the bar or its interval ends."""
        return self.interval[2] if self.interval else self.value


def bars(rows: Sequence[Bar], measure: str, over: str) -> str:
    """Return the bars, the best on top; the intervals are over `over`."""
    best_last = sorted(rows, key=lambda row: row.value)
    with mpl.rc_context(STYLE):
        figure, axes = axes_of(len(rows))
        for place, row in enumerate(best_last):
            axes.barh(place, row.value, height=0.6, color=colour(chosen=row.chosen))
            if row.interval is not None:
                axes.plot(row.interval[1:], [place, place], color=LINE, linewidth=1.2)
            axes.annotate(
                f"{row.value:.3f}",
                (row.end, place),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set_yticks(range(len(best_last)), [row.name for row in best_last])
        axes.tick_params(axis="y", length=0)
        whiskers = any(row.interval for row in rows)
        axes.set_xlabel(
            measure + f"; the line is the 95 % bootstrap interval over {over}" * whiskers
        )
        axes.set_xlim(0, 1.15 * max(row.end for row in rows) or 1)
        return svg(figure)


def colour(*, chosen: bool) -> str:
    """Return the colour: what is chosen stands out."""
    return CHOSEN if chosen else OTHER


def axes_of(rows: int) -> tuple[Figure, Axes]:
    """Return a figure as high as so many bars."""
    figure = Figure(figsize=(WIDTH, 0.8 + BAR * rows), layout="constrained")
    return figure, figure.add_subplot()


def svg(figure: Figure) -> str:
    """Return the figure as markup."""
    written = BytesIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    text = written.getvalue().decode()
    return text[text.index("<svg") :]
