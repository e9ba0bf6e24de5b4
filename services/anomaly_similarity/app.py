"""The anomaly-similarity service's HTTP process: `uvicorn services.anomaly_similarity.app:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.anomaly_similarity import directory_endpoints, endpoints, import_endpoints
from services.anomaly_similarity.directory import Directory
from services.anomaly_similarity.directory_repository import COMPONENTS, PROFILES
from services.anomaly_similarity.service import Records
from services.web.application import Service, create_app
from services.web.resources import Resources


@asynccontextmanager
async def start(app: FastAPI, resources: Resources) -> AsyncIterator[None]:
    """Connect to the database and the broker."""
    database = await resources.database()
    app.state.anomaly_records = Records(database, await resources.broker())
    app.state.components = Directory(database, COMPONENTS)
    app.state.profiles = Directory(database, PROFILES)
    yield


service = Service(
    name="anomaly_similarity",
    title="anomaly similarity",
    routers=[endpoints.router, import_endpoints.router, directory_endpoints.router],
    start=start,
    body_limits={import_endpoints.PATH: import_endpoints.BODY_LIMIT},
)
app = create_app(service)
