"""One `Searcher` for all services of a process, which follows records and models until the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial

from fastapi import FastAPI

from services.anomaly_similarity.config import AnomalySimilaritySettings
from services.anomaly_similarity.loading import MODEL
from services.anomaly_similarity.searcher import Searcher
from services.broker import Broker
from services.messages.types import ModelPublished
from services.repeating import repeating
from services.web.resources import Resources


@asynccontextmanager
async def searching(app: FastAPI, resources: Resources) -> AsyncIterator[Searcher]:
    """Give the searcher of this process: the embedded one has its index once, for routes and worker."""
    if hasattr(app.state, "searcher"):
        yield app.state.searcher
        return
    settings = AnomalySimilaritySettings()
    database, broker = await resources.database(), await resources.broker()
    searcher = Searcher(
        database,
        resources.models(),
        maximum=settings.max_workspaces,
        embeddings=settings.embeddings,
    )
    app.state.searcher = searcher
    seconds = settings.model_poll_seconds
    try:
        async with (
            repeating(searcher.tend, interval=seconds),
            repeating(partial(_listen, searcher, broker), interval=seconds),
        ):
            yield searcher
    finally:
        del app.state.searcher
        await searcher.close()


async def _listen(searcher: Searcher, broker: Broker) -> None:
    """Take over a model as soon as it is announced; the look at the alias sees what is missed here."""
    async with aclosing(broker.listen("model.published")) as events:
        async for event in events:
            if isinstance(event.data, ModelPublished) and event.data.name == MODEL:
                await searcher.tend(event.workspace)
