"""The recommendations service's HTTP process: `uvicorn services.recommendations.app:app`."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial

from fastapi import FastAPI

from services.broker import Broker
from services.messages.types import ModelPublished
from services.recommendations import (
    catalogue_endpoints,
    control_endpoints,
    endpoints,
    erasure_endpoints,
    experiment_endpoints,
    tables,
)
from services.recommendations.config import RecommendationsSettings
from services.recommendations.controlling import ControlEditor
from services.recommendations.editing import Editor
from services.recommendations.erasing import Erasures
from services.recommendations.experimenting import Experiments
from services.recommendations.loading import ModelLoader
from services.recommendations.online import FOLLOW_SECONDS
from services.recommendations.service import Recommender
from services.recommendations.workspaces import Workspaces
from services.repeating import repeating
from services.web.application import Service, create_app
from services.web.resources import Resources

log = logging.getLogger(__name__)


@asynccontextmanager
async def start(app: FastAPI, resources: Resources) -> AsyncIterator[None]:
    """Connect, and follow the models of the workspaces in use."""
    settings = RecommendationsSettings()
    database, cache = await resources.database(), await resources.cache()
    broker, models = await resources.broker(), resources.models()
    workspaces = Workspaces(database, cache, ModelLoader(models), maximum=settings.max_workspaces)
    recommender = Recommender(database, cache, workspaces, settings)
    app.state.recommender = recommender
    app.state.catalogue_editor = Editor(database, cache, broker, models)
    app.state.models = models
    app.state.allow_cleanup = settings.allow_cleanup
    app.state.rules = ControlEditor(database, cache, tables.rules)
    app.state.scenarios = ControlEditor(database, cache, tables.scenarios)
    app.state.experiments = Experiments(database, cache, models)
    app.state.erasures = Erasures(database, cache, broker, models)
    try:
        async with (
            repeating(workspaces.tend, interval=settings.model_poll_seconds),
            repeating(workspaces.learn, interval=FOLLOW_SECONDS),
            repeating(partial(_listen, workspaces, broker), interval=settings.model_poll_seconds),
        ):
            yield
    finally:
        await recommender.close()


async def _listen(workspaces: Workspaces, broker: Broker) -> None:
    """Take over a model as soon as it is announced; the poll sees what is missed here."""
    async with aclosing(broker.listen("model.published")) as events:
        async for event in events:
            if isinstance(event.data, ModelPublished):
                await workspaces.tend(event.workspace)


service = Service(
    name="recommendations",
    title="recommendations",
    routers=[
        endpoints.router,
        catalogue_endpoints.router,
        control_endpoints.router,
        experiment_endpoints.router,
        erasure_endpoints.router,
    ],
    start=start,
    direct=[endpoints.recommend],
)
app = create_app(service)
