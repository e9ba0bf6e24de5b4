"""The event collector with every metric off: `uvicorn tests.benchmarks.unmetered:app`."""

from __future__ import annotations

from typing import Any

import prometheus_client

from services.web import application


def _nothing(*_: Any, **__: Any) -> None:
    """Measure nothing."""


def _itself(metric: Any, *_: Any, **__: Any) -> Any:
    return metric


application.instrument = _nothing  # before the application is made
prometheus_client.Counter.labels = _itself
prometheus_client.Histogram.labels = _itself
prometheus_client.Counter.inc = _nothing
prometheus_client.Histogram.observe = _nothing

from services.event_collector.app import app  # noqa: E402

__all__ = ["app"]
