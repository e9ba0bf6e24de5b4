"""The anomaly-similarity service's HTTP process: `uvicorn services.anomaly_similarity.app:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.anomaly_similarity import (
    directory_endpoints,
    endpoints,
    evaluation_endpoints,
    import_endpoints,
    vocabulary_endpoints,
)
from services.anomaly_similarity.directory import Directory
from services.anomaly_similarity.directory_repository import COMPONENTS, PROFILES
from services.anomaly_similarity.service import Records
from services.anomaly_similarity.shared_searcher import searching
from services.anomaly_similarity.vocabulary_editing import VocabularyEditor
from services.web.application import Service, create_app
from services.web.resources import Resources


@asynccontextmanager
async def start(app: FastAPI, resources: Resources) -> AsyncIterator[None]:
    """Connect, and follow the records and models of the workspaces in use."""
    database = await resources.database()
    app.state.anomaly_records = Records(database)
    app.state.components = Directory(database, COMPONENTS)
    app.state.profiles = Directory(database, PROFILES)
    app.state.similarity_models = resources.models()
    async with searching(app, resources) as searcher:
        app.state.vocabulary = VocabularyEditor(database, searcher)
        yield


service = Service(
    name="anomaly_similarity",
    title="anomaly similarity",
    routers=[
        endpoints.router,
        import_endpoints.router,
        directory_endpoints.router,
        vocabulary_endpoints.router,
        evaluation_endpoints.router,
    ],
    start=start,
    body_limits={import_endpoints.PATH: import_endpoints.BODY_LIMIT},
)
app = create_app(service)
