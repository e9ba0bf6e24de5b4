"""The year as a picture: four panels, a line for each policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

# Okabe and Ito's colours: told apart by everybody, and in grey by their order.
COLOURS = {
    "random": "#999999",
    "popular": "#E69F00",
    "daily LightFM": "#56B4E9",
    "Akin": "#D55E00",
}
STYLE = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "axes.axisbelow": True,
    "svg.hashsalt": "akin",  # the same figures give the same file
    "svg.fonttype": "none",
}


def draw(figures: Mapping[str, Any], files: Sequence[Path]) -> None:
    """Write the picture to these files, each in the form that its name says."""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(2, 2, figsize=(10, 7), layout="constrained")
        _by_list(axes[0, 0], figures)
        _over_time(axes[0, 1], figures, "precision", "Likes per item shown, over the year")
        _over_time(axes[1, 0], figures, "ndcg", "NDCG@10 of the lists by true taste")
        _over_time(axes[1, 1], figures, "coverage", "Share of the catalogue ever shown")
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
        for file in files:
            figure.savefig(
                file, dpi=110, metadata={"Date": None} if file.suffix == ".svg" else None
            )
        plt.close(figure)


def _by_list(axis: Any, figures: Mapping[str, Any]) -> None:
    for name, policy in figures["policies"].items():
        values = [value for value in policy["of_new_users"]["by_list"] if value is not None]
        numbers = range(1, len(values) + 1)
        axis.plot(numbers, values, **_line(name), marker="o", markersize=4)
    axis.set_title("Likes per item shown, by a new user's lists", loc="left")
    axis.set_xlabel("list")
    axis.set_ylim(bottom=0)


def _over_time(axis: Any, figures: Mapping[str, Any], measure: str, title: str) -> None:
    for name, policy in figures["policies"].items():
        lines = policy["over_time"]
        axis.plot(lines["day"], lines[measure], **_line(name))
    axis.set_title(title, loc="left")
    axis.set_xlabel("day")
    axis.set_ylim(bottom=0)


def _line(name: str) -> dict[str, Any]:
    return {"label": name, "color": COLOURS.get(name, "#000000"), "linewidth": 2}
