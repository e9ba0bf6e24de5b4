"""HTTP metrics: prometheus-fastapi-instrumentator with a path that costs a few microseconds.

The instrumentator finds the route by matching the path a second time and builds a response object
for its instrumentations; at a few thousand requests a second that halves the throughput
(docs/benchmarks.md). Here the router's own finding is read from the scope after the request, and
the label sets, of which there is one per route, method and class of status, are kept.
"""

from __future__ import annotations

from time import perf_counter

from prometheus_client import Counter, Histogram, disable_created_metrics
from prometheus_fastapi_instrumentator import Instrumentator
from prometheus_fastapi_instrumentator.middleware import PrometheusInstrumentatorMiddleware
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Seconds; the objectives of the APIs are stated at 5 ms to 1 s.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each, which nothing here reads

_LABELS = ("method", "handler", "status")
_requests = Counter("http_requests", "Requests answered.", _LABELS)
_durations = Histogram(
    "http_request_duration_seconds",
    "Time to the last byte of the answer.",
    _LABELS,
    buckets=BUCKETS,
)
_children: dict[tuple[str, str, str], tuple[Counter, Histogram]] = {}


class HttpMetrics(PrometheusInstrumentatorMiddleware):
    """Counts requests and measures their durations by route template, never by raw path."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and record how it ended."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500
        started = perf_counter()

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            _record(scope, status, perf_counter() - started)


def _record(scope: Scope, status: int, seconds: float) -> None:
    handler = getattr(scope.get("route"), "path", None) or "none"
    key = (scope["method"], handler, f"{status // 100}xx")
    children = _children.get(key)
    if children is None:
        if key[0] not in _METHODS:
            key = ("other", *key[1:])
        children = _children[key] = (_requests.labels(*key), _durations.labels(*key))
    children[0].inc()
    children[1].observe(seconds)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def instrument(app: Starlette) -> None:
    """Measure every request of `app` and serve `/metrics`."""
    app.add_middleware(HttpMetrics)
    Instrumentator().expose(
        app,
        tags=["health"],
        summary="Prometheus metrics",
        description="Give the metrics of this process in Prometheus' text format.",
        response_class=PlainTextResponse,
    )
