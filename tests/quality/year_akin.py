"""Akin as it is: the serving code with its database, cache and model store in a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import numpy as np
from fastapi import FastAPI

from services import database
from services.messages.types import InteractionRecorded, Kind
from services.recommendations import candidates, serving
from services.recommendations.app import start
from services.recommendations.controls import Parameters
from services.recommendations.datasets import NotEnoughData
from services.recommendations.editing import with_details
from services.recommendations.grids import Model, models
from services.recommendations.listing import Wish, new_id
from services.recommendations.recording import Reaction, Recorder
from services.recommendations.training import train
from services.web.config import PlatformSettings
from services.web.resources import Resources, open_resources
from tests.quality.year_log import LENGTH, Given
from tests.quality.year_world import DISLIKE, LIKE, SKIP, Ints, World

WORKSPACE = "year"
FIRST_DAY = datetime(2025, 1, 1, tzinfo=UTC)
FIRST_TRAININGS = (0, 1, 2, 3, 5, 7, 10)  # days; after that, every so often
KINDS: dict[int, Kind] = {LIKE: "like", SKIP: "skip", DISLIKE: "dislike"}
ADDED_AT_ONCE = 1_000
# Each with the first point of its grid, and without those that learn nothing from skips or cannot have 24,000 items:
# so that a year of trainings takes minutes.
TRAINED = ("popularity", "rlfm", "lightfm")


class Akin:
    """The service, its recorder, and a training every `every` days."""

    name = "Akin"

    def __init__(
        self, world: World, app: FastAPI, resources: Resources, recorder: Recorder, every: int
    ) -> None:
        self._world = world
        self._app = app
        self._resources = resources
        self._recorder = recorder
        self._every = every
        self._listed = np.zeros(world.items, np.bool_)
        self._shown_in: dict[tuple[int, int], str] = {}  # by user and item: the list's id
        self._moment = FIRST_DAY
        self.trainings: list[str] = []

    async def begin(self, day: int) -> None:
        """See `Policy`."""
        self._moment = FIRST_DAY + timedelta(days=day)
        listed, editor = self._world.listed(day), self._app.state.catalogue_editor
        new = np.flatnonzero(listed & ~self._listed).tolist()
        for first in range(0, len(new), ADDED_AT_ONCE):
            genres = {_name(n): self._genres(n) for n in new[first : first + ADDED_AT_ONCE]}
            await editor.upsert(WORKSPACE, list(genres), with_details(genres, {}))
        for gone in np.flatnonzero(self._listed & ~listed).tolist():
            await editor.delete(WORKSPACE, _name(gone))
        self._listed = listed
        await self._app.state.workspaces.tend(WORKSPACE)

    async def give(self, day: int, user: int) -> Given:
        """See `Policy`."""
        told = await self._app.state.recommender.recommend(
            WORKSPACE, f"u{user}", Wish(Parameters(limit=LENGTH))
        )
        items = [int(place.item.item_id[1:]) for place in told.places]
        self._shown_in.update({(user, item): told.shown.recommendation_id for item in items})
        sources = "".join(place.ranked.source[0] for place in told.places)
        return Given(np.array(items, np.int64), sources)

    async def hear(self, day: int, users: Sequence[int], items: Ints, reactions: Ints) -> None:
        """Record what a worker gets from its queue in one batch."""
        self._moment += timedelta(minutes=5)
        columns = zip(users, items.tolist(), reactions.tolist(), strict=True)
        await self._recorder.record(WORKSPACE, [self._reaction(*row) for row in columns])

    def _reaction(self, user: int, item: int, kind: int) -> Reaction:
        told = InteractionRecorded(
            user_id=f"u{user}",
            item_id=_name(item),
            kind=KINDS[kind],
            occurred_at=self._moment,
            recommendation_id=self._shown_in.pop((user, item)),
        )
        return Reaction(new_id(), datetime.now(UTC), told)

    async def end(self, day: int) -> None:
        """Train as `akin train recommendations` does, and take over what it promotes."""
        if day not in FIRST_TRAININGS and (day + 1) % self._every:
            return
        try:
            report = await train(
                await self._resources.database(), self._resources.models(), WORKSPACE
            )
        except NotEnoughData:
            return
        kept = "" if report.promoted else " (not promoted)"
        self.trainings.append(f"day {day}: {report.chosen}{kept}")
        await self._app.state.workspaces.tend(WORKSPACE)

    def _genres(self, item: int) -> list[str]:
        return [f"genre {n}" for n in np.flatnonzero(self._world.genres[item])]


def _name(item: int) -> str:
    return f"i{item}"


def _models() -> tuple[list[Model], list[str]]:
    kinds, notes = models()
    return [replace(k, parameters=k.parameters[:1]) for k in kinds if k.name in TRAINED], notes


@asynccontextmanager
async def open_akin(world: World, folder: Path, *, every: int) -> AsyncIterator[Akin]:
    """Start the recommendations service in this folder, on SQLite and a cache in the process."""
    settings = PlatformSettings(home=folder)
    await database.migrate(settings.database)
    app = FastAPI()
    # A simulated day takes seconds: what is renewed every few seconds is renewed at once.
    at_once = patch.multiple(serving, POPULARITY_SECONDS=0.0, PER_COUNTER=0.0)
    small_grid = patch.object(candidates, "models", _models)
    async with open_resources(settings) as resources, start(app, resources):
        recorder = Recorder(await resources.database(), await resources.cache())
        app.state.workspaces = app.state.recommender._workspaces
        with at_once, small_grid:
            yield Akin(world, app, resources, recorder, every)
