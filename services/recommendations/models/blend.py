"""Several models served as one: see `scorers.blend` for how their scores are added up."""

from __future__ import annotations

from collections.abc import Mapping

from services.recommendations.models import Fitted


def join(parts: Mapping[str, Fitted], weights: Mapping[str, float]) -> Fitted:
    """Return the blend of these models by these weights; a part of weight 0 is left out.

    Memory and time are those of the parts together.
    """
    used = {name: parts[name] for name in sorted(parts) if weights[name] > 0}
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
        },
        parameters={
            "model": "blend",
            "parts": {name: dict(part.parameters) for name, part in used.items()},
        },
    )
