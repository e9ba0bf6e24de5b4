"""Figures as JSON and pages can hold them."""

from __future__ import annotations

import json
import math
from typing import Any

DIGITS = 6  # after the point: what lies behind them is rounding, and may differ between two runs


def finite(value: Any) -> Any:
    """Return the value as JSON can hold it: None for NaN, plain rounded numbers for numpy's."""
    if isinstance(value, dict):
        return {str(name): finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    if hasattr(value, "item"):
        value = value.item()
    if not isinstance(value, float):
        return value
    return round(value, DIGITS) if math.isfinite(value) else None


def as_json(told: dict[str, Any]) -> bytes:
    """Return figures that are finite as the bytes of a file; equal ones give equal bytes."""
    text = json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def figure(value: float | None) -> str:
    """Return a figure for people; a dash for none."""
    return "–" if value is None or math.isnan(value) else f"{value:.4f}"
