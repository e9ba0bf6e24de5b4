"""The pictures of the training report, as SVG that is the same for the same figures, byte by byte.

Needs matplotlib (extra `train`); serving never imports this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes

from services.recommendations.evaluation import Interval
from services.reports import pictures
from services.reports.pictures import STYLE, axes_of, svg


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
        return pictures.colour(chosen=self.chosen)


def bars(points: Sequence[Point]) -> str:
    """Return the NDCG of each model with its interval, the best on top."""
    rows = [pictures.Bar(point.model, point.ndcg, point.interval, point.chosen) for point in points]
    return pictures.bars(rows, "NDCG@10", "people")


def scatter(points: Sequence[Point]) -> str:
    """Return coverage against NDCG: up is better for people, right is better for the catalogue."""
    with mpl.rc_context(STYLE):
        figure, axes = axes_of(7)
        for point in points:
            axes.scatter(point.coverage, point.ndcg, s=50, color=point.colour, zorder=2)
        _label(axes, points)
        axes.margins(0.15, 0.2)
        axes.set_xlabel("coverage: share of the catalogue that is in anybody's list")
        axes.set_ylabel("NDCG@10")
        axes.grid(alpha=0.25)
        return svg(figure)


def grid(points: Sequence[Point], measure: str) -> str:
    """Return what each point of each grid reached, for those who choose."""
    searched = [point for point in points if point.trials][::-1]
    with mpl.rc_context(STYLE):
        figure, axes = axes_of(len(searched))
        for place, point in enumerate(searched):
            axes.scatter(
                point.trials, [place] * len(point.trials), s=30, color=point.colour, alpha=0.7
            )
        axes.set_yticks(range(len(searched)), [point.model for point in searched])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-0.6, len(searched) - 0.4)
        axes.grid(alpha=0.25)
        axes.set_xlabel(f"{measure} for the people who choose; a dot is a point of the grid")
        return svg(figure)


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
