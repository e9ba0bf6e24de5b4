"""The pictures of the training report, as SVG that is the same for the same figures, byte by byte.

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

from services.recommendations.evaluation import Interval

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
class Point:
    """A model in a picture; `interval` is that of its NDCG, `trials` the score of each point of its grid."""

    model: str
    ndcg: float
    coverage: float
    interval: Interval | None
    trials: Sequence[float]
    chosen: bool

    @property
    def colour(self) -> str:
        """What is chosen stands out."""
        return CHOSEN if self.chosen else OTHER


def bars(points: Sequence[Point]) -> str:
    """Return the NDCG of each model with its interval, the best on top."""
    best_last = sorted(points, key=lambda point: point.ndcg)
    with mpl.rc_context(STYLE):
        figure, axes = _axes(len(points))
        for place, point in enumerate(best_last):
            axes.barh(place, point.ndcg, height=0.6, color=point.colour)
            end = _whisker(axes, point, place)
            axes.annotate(
                f"{point.ndcg:.3f}",
                (end, place),
                xytext=(5, 0),
                textcoords="offset points",
                va="center",
            )
        axes.set_yticks(range(len(best_last)), [point.model for point in best_last])
        axes.tick_params(axis="y", length=0)
        whiskers = any(point.interval for point in points)
        axes.set_xlabel(
            "NDCG@10" + "; the line is the 95 % bootstrap interval over people" * whiskers
        )
        axes.set_xlim(0, 1.15 * max(_high(point) for point in points) or 1)
        return _svg(figure)


def scatter(points: Sequence[Point]) -> str:
    """Return coverage against NDCG: up is better for people, right is better for the catalogue."""
    with mpl.rc_context(STYLE):
        figure, axes = _axes(7)
        for point in points:
            axes.scatter(point.coverage, point.ndcg, s=50, color=point.colour, zorder=2)
        _label(axes, points)
        axes.margins(0.15, 0.2)
        axes.set_xlabel("coverage: share of the catalogue that is in anybody's list")
        axes.set_ylabel("NDCG@10")
        axes.grid(alpha=0.25)
        return _svg(figure)


def grid(points: Sequence[Point], measure: str) -> str:
    """Return what each point of each grid reached, for those who choose."""
    searched = [point for point in points if point.trials][::-1]
    with mpl.rc_context(STYLE):
        figure, axes = _axes(len(searched))
        for place, point in enumerate(searched):
            axes.scatter(
                point.trials, [place] * len(point.trials), s=30, color=point.colour, alpha=0.7
            )
        axes.set_yticks(range(len(searched)), [point.model for point in searched])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-0.6, len(searched) - 0.4)
        axes.grid(alpha=0.25)
        axes.set_xlabel(f"{measure} for the people who choose; a dot is a point of the grid")
        return _svg(figure)


def _axes(rows: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, 0.8 + BAR * rows), layout="constrained")
    return figure, figure.add_subplot()


def _whisker(axes: Axes, point: Point, place: int) -> float:
    """Draw the interval and return where it ends."""
    if point.interval is None:
        return point.ndcg
    _, low, high = point.interval
    axes.plot([low, high], [place, place], color=LINE, linewidth=1.2)
    return high


def _high(point: Point) -> float:
    return point.interval[2] if point.interval else point.ndcg


def _label(axes: Axes, points: Sequence[Point]) -> None:
    """Name the points, neighbours above and below in turn, so that names do not lie on each other."""
    by_place = sorted(points, key=lambda point: (point.coverage, point.ndcg))
    for turn, point in enumerate(by_place):
        above = turn % 2 == 0
        axes.annotate(
            point.model,
            (point.coverage, point.ndcg),
            xytext=(0, 8 if above else -8),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontweight="bold" if point.chosen else "normal",
        )


def _svg(figure: Figure) -> str:
    written = BytesIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    text = written.getvalue().decode()
    return text[text.index("<svg") :]
