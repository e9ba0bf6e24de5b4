"""The work orders as a picture: P@1 of each method, what abstaining gains, and whether probabilities hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

from services.anomaly_similarity.search.evaluation import Interval
from services.anomaly_similarity.search.held_out import Certainty
from tests.quality.year_plot import STYLE

# Okabe and Ito's colours, as on the other pages: told apart by everybody.
CHOSEN, OTHER, REFERENCE = "#D55E00", "#56B4E9", "#999999"
LARGEST = 220  # square points of a bin that has all queries


def draw(methods: Mapping[str, Interval], certainty: Certainty, files: Sequence[Path]) -> None:
    """Write the picture to these files, each in the form that its name says.

    `methods` has P@1 with its interval by name, `random` and `chosen` among them.
    """
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
        _methods(axes[0], methods)
        _coverage(axes[1], certainty)
        _reliability(axes[2], certainty)
        for file in files:
            figure.savefig(
                file, dpi=110, metadata={"Date": None} if file.suffix == ".svg" else None
            )
        plt.close(figure)


def _methods(axis: Any, methods: Mapping[str, Interval]) -> None:
    best_last = sorted(methods.items(), key=lambda pair: pair[1][0])
    colours = {"chosen": CHOSEN, "random": REFERENCE}
    for place, (name, (mean, low, high)) in enumerate(best_last):
        axis.barh(place, mean, height=0.65, color=colours.get(name, OTHER))
        axis.plot([low, high], [place, place], color="#000000", linewidth=1.2)
        axis.annotate(
            f"{mean:.2f}", (high, place), xytext=(4, 0), textcoords="offset points", va="center"
        )
    axis.set_yticks(range(len(best_last)), [name for name, _ in best_last])
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")
    axis.set_xlim(0, 1.1)
    axis.set_title("P@1, with 95 % intervals", loc="left")


def _coverage(axis: Any, certainty: Certainty) -> None:
    shares = [share for share, _ in certainty.risks]
    right = [1 - wrong for _, wrong in certainty.risks]
    axis.plot(shares, right, color=CHOSEN, linewidth=2)
    axis.axhline(right[0], color=REFERENCE, linewidth=1.2, linestyle="--")
    served = 1 - certainty.abstained
    axis.axvline(served, color="#000000", linewidth=1, linestyle=":")
    axis.annotate(
        "as served",
        (served, max(right)),
        xytext=(4, 0),
        textcoords="offset points",
        va="top",
    )
    axis.annotate(
        "never abstaining",
        (min(shares), right[0]),
        xytext=(-4, 5),
        textcoords="offset points",
        ha="right",
    )
    axis.set_xlim(1.02, min(shares) - 0.02)  # from all to few
    axis.set_xlabel("share of queries that are answered")
    axis.set_title("P@1 of the most certain answers", loc="left")


def _reliability(axis: Any, certainty: Certainty) -> None:
    said, held, numbers = zip(*certainty.reliability, strict=True)
    axis.plot([0, 1], [0, 1], color=REFERENCE, linewidth=1.2, linestyle="--")
    sizes = [LARGEST * number / certainty.queries for number in numbers]
    axis.plot(said, held, color=CHOSEN, linewidth=1.2)
    axis.scatter(said, held, s=[max(12, size) for size in sizes], color=CHOSEN, zorder=2)
    axis.set_xlim(0, 1)
    axis.set_ylim(0, 1)
    axis.set_xlabel("probability that was said")
    axis.set_title("Share of first cases that are relevant", loc="left")
