"""One file per model; each has `Parameters` and `fit(dataset, parameters, *, seed, progress) -> Fitted`.

Serving imports none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray


class TooLarge(Exception):
    """This model would not fit into the memory here; the sentence gives the figures."""


class Unsuited(Exception):
    """This model cannot learn from such reactions; the sentence says why."""


# How a history is weighted by recency where too few people are there to choose by (`Recency`): the cautious
# half-life of 50 reactions. On MovieLens latest-small 10 to 20 are best, and 50 is better than none.
RECENCY: Mapping[str, Any] = {"half_life": 50, "history": None}

Progress = Callable[[float], None]  # takes the fraction that is done, 0..1


@dataclass(frozen=True)
class Fitted:
    """A model in its serving form, as `scoring.build_scorer` takes it, and how it was made."""

    arrays: Mapping[str, NDArray[Any]]
    serving: Mapping[str, Any]
    parameters: Mapping[str, Any]

    def serving_with(self, **changes: Any) -> Fitted:
        """Return the same model, served with other parameters."""
        return replace(self, serving={**self.serving, **changes})
