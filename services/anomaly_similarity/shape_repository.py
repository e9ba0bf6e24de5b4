# ruff: noqa: ARG001 - nothing is stored yet
"""All SQL about the shapes of measurements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection


async def shapes(
    connection: AsyncConnection, workspace: str, anomaly_ids: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Return the shapes of those of the anomalies that have one."""
    return {}
