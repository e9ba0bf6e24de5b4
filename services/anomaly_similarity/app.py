"""The anomaly-similarity service's HTTP process: `uvicorn services.anomaly_similarity.app:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from services.anomaly_similarity import (
    directory_endpoints,
    endpoints,
    evaluation_endpoints,
    import_endpoints,
    outbox,
    similarity_endpoints,
    vocabulary_endpoints,
    waiting,
)
from services.anomaly_similarity.asking import Asker
from services.anomaly_similarity.callbacks import Rules
from services.anomaly_similarity.config import AnomalySimilaritySettings
from services.anomaly_similarity.directory import Directory
from services.anomaly_similarity.directory_repository import COMPONENTS, PROFILES
from services.anomaly_similarity.searching import Searching
from services.anomaly_similarity.service import Records
from services.anomaly_similarity.shared_searcher import searching
from services.anomaly_similarity.vocabulary_editing import VocabularyEditor
from services.web.application import Service, create_app
from services.web.resources import Resources


@asynccontextmanager
async def start(app: FastAPI, resources: Resources) -> AsyncIterator[None]:
    """Connect, and follow the records and models of the workspaces in use."""
    database, broker = await resources.database(), await resources.broker()
    settings = AnomalySimilaritySettings()
    app.state.anomaly_records = Records(database, broker)
    app.state.components = Directory(database, COMPONENTS)
    app.state.profiles = Directory(database, PROFILES)
    app.state.similarity_models = resources.models()
    app.state.callback_rules = Rules(
        signs=settings.webhook_secret is not None, allow_private=settings.webhook_allow_private
    )
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        searcher = await enter(searching(app, resources))
        app.state.similarity_searching = Searching(database, searcher)
        app.state.vocabulary = VocabularyEditor(database, searcher)
        announced = await enter(outbox.opened(database, broker))
        app.state.similarity_asker = await enter(Asker(database, announced))
        app.state.similarity_waiting = await enter(waiting.looking(database))
        yield


service = Service(
    name="anomaly_similarity",
    title="anomaly similarity",
    routers=[
        endpoints.router,
        import_endpoints.router,
        directory_endpoints.router,
        similarity_endpoints.router,
        vocabulary_endpoints.router,
        evaluation_endpoints.router,
    ],
    start=start,
    body_limits={import_endpoints.PATH: import_endpoints.BODY_LIMIT},
    direct=[similarity_endpoints.ask],
)
app = create_app(service)
