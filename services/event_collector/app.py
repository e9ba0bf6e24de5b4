"""The event collector's HTTP process: `uvicorn services.event_collector.app:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.event_collector.endpoints import events, interact, router
from services.event_collector.service import EventCollector
from services.web.application import Service, create_app
from services.web.resources import Resources

EVENTS_LIMIT = 4 * 1024 * 1024  # bytes; the contract's limit for batches of events


@asynccontextmanager
async def start(app: FastAPI, resources: Resources) -> AsyncIterator[None]:
    """Connect to the broker."""
    app.state.event_collector = EventCollector(await resources.broker())
    yield


service = Service(
    name="event_collector",
    title="event collector",
    routers=[router],
    start=start,
    body_limits={"/events": EVENTS_LIMIT},
    direct=[interact, events],
)
app = create_app(service)
