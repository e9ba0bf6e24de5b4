"""Several models served as one: see `scorers.blend` for how their scores are added up."""

from __future__ import annotations

from collections.abc import Mapping

from services.recommendations.models import Fitted


def join(
    parts: Mapping[str, Fitted],
    weights: Mapping[str, float],
    short: Mapping[str, float] | None = None,
) -> Fitted:
    """Return the blend of these models by these weights, and by `short` for histories with few likes (see
    `scorers.blend`); a part that weighs nothing is left out.

    Memory and time are those of the parts together.
    """
    short = weights if short is None else short
    used = {name: parts[name] for name in sorted(parts) if weights[name] + short[name] > 0}
    return Fitted(
        arrays={
            f"{name}.{key}": array
            for name, part in used.items()
            for key, array in part.arrays.items()
        },
        serving={
            "kind": "blend",
            "epoch": next(iter(used.values())).serving["epoch"],
            "parts": {name: dict(part.serving) for name, part in used.items()},
            "weights": {name: float(weights[name]) for name in used},
            "short_weights": {name: float(short[name]) for name in used},
        },
        parameters={
            "model": "blend",
            "parts": {name: dict(part.parameters) for name, part in used.items()},
        },
    )
