"""One file per model; each has `fit(dataset, …) -> Fitted`. Serving imports none of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

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
