"""The stated grid of each model: what training tries, the most promising first.

The figures are from MovieLens latest-small and 1M, where the neighbours of these points were worse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.recommendations.datasets import Dataset
from services.recommendations.models import Fitted, Progress, ease, popularity, rlfm

BASELINE = "popularity"

# What stays from one reaction to the next, in reactions. None: a like never gets old.
HALF_LIVES = (20, 10, 50, None)
LIKE_HALF_LIVES = (None, 365.0, 90.0, 30.0)  # days, of the likes that make an item popular

WITHOUT_LIGHTFM = (
    "LightFM is not installed (extra `train`): new items are not known by their features."
)
WITHOUT_ALS = "The package implicit is not installed (extra `train`): implicit ALS is left out."


@dataclass(frozen=True)
class Model:
    """A kind of model: how it is fitted, the parameters to try, and what can be varied when it serves."""

    name: str
    fit: Callable[..., Fitted]
    parameters: Sequence[Any]
    serving: Mapping[str, Sequence[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """One way to make a model of a kind."""

    model: Model
    parameters: Any
    serving: Mapping[str, Any]

    def fit(self, dataset: Dataset, *, seed: int, progress: Progress) -> Fitted:
        """Return this model for other data."""
        fitted = self.model.fit(dataset, self.parameters, seed=seed, progress=progress)
        return fitted.serving_with(**self.serving)


def models() -> tuple[list[Model], list[str]]:
    """Return the models that can be trained here, the simplest first, and sentences on the others."""
    found = [
        Model(BASELINE, popularity.fit, [popularity.Parameters(days) for days in LIKE_HALF_LIVES]),
        Model(
            "ease",
            ease.fit,
            [ease.Parameters(regularisation=value) for value in (400.0, 100.0, 1_000.0)],
            {"half_life": HALF_LIVES},
        ),
        Model(
            "rlfm",
            rlfm.fit,
            [
                rlfm.Parameters(),
                rlfm.Parameters(shrinkage=60.0),
                rlfm.Parameters(dimensions=32),
            ],
            {
                "half_life": HALF_LIVES,
                "regularisation": (0.2, 0.5, 0.1),
                "scale": (1.0, 0.5, 2.0),
            },
        ),
    ]
    missing = []
    for make, note in ((_als, WITHOUT_ALS), (_lightfm, WITHOUT_LIGHTFM)):
        try:
            found.append(make())
        except ImportError:
            missing.append(note)
    return found, missing


def _als() -> Model:
    from services.recommendations.models import als  # noqa: PLC0415 - the extra `train`

    return Model(
        "als",
        als.fit,
        [
            als.Parameters(),
            als.Parameters(dimensions=64),
            als.Parameters(regularisation=60.0, confidence=6.0),
        ],
        {"half_life": HALF_LIVES},
    )


def _lightfm() -> Model:
    from services.recommendations.models import lightfm  # noqa: PLC0415 - the extra `train`

    return Model(
        "lightfm",
        lightfm.fit,
        [
            lightfm.Parameters(dimensions=32),
            lightfm.Parameters(learning_rate=0.03, epochs=25),
        ],
        {
            "half_life": HALF_LIVES,
            "regularisation": (100.0, 30.0, 300.0),
            "scale": (16.0, 8.0),
            "implicit_weight": (0.03, 0.01),
        },
    )
