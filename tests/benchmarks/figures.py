"""Comparing two sides that take turns, and the rows that come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the page. `value` is judged against `target`; without a target it only informs."""

    key: str
    what: str
    akin: str
    reference: str
    value: float
    unit: str = "×"  # of value and target
    target: float | None = None
    bound: Literal["at least", "at most"] = "at least"
    spread: str = ""  # of the ratio, over the rounds

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        if self.bound == "at least":
            return self.value >= self.target
        return self.value <= self.target


@dataclass(frozen=True)
class Pairs:
    """What two sides gave, round by round."""

    akin: Sequence[float]
    reference: Sequence[float]

    @property
    def ratio(self) -> float:
        """The median of the ratios of neighbours: what slows both down cancels."""
        return median(a / r for a, r in zip(self.akin, self.reference, strict=True))

    @property
    def spread(self) -> str:
        """The lowest and the highest ratio of a round."""
        ratios = sorted(a / r for a, r in zip(self.akin, self.reference, strict=True))
        return f"{ratios[0]:.2f}–{ratios[-1]:.2f}"


def in_turn(
    akin: Callable[[], T], reference: Callable[[], T], rounds: int
) -> tuple[list[T], list[T]]:
    """Return what both sides gave, `rounds` times each; who begins changes from round to round."""
    ours: list[T] = []
    theirs: list[T] = []
    for number in range(rounds):
        turns = [(akin, ours), (reference, theirs)]
        for side, results in turns if number % 2 == 0 else reversed(turns):
            results.append(side())
    return ours, theirs


def per_second(values: Sequence[float]) -> str:
    """Return the median rate as text."""
    return f"{median(values):,.0f}/s"


def milliseconds(values: Sequence[float]) -> str:
    """Return the median of seconds as text."""
    return f"{1000 * median(values):.1f} ms"
