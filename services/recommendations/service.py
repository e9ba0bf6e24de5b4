"""What the recommendations service does for people: lists."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import numpy as np

from services.cache import Cache, CacheUnavailable
from services.database import Database
from services.messages.types import Kind
from services.recommendations import activity_repository, repository
from services.recommendations.catalogue import Item
from services.recommendations.config import RecommendationsSettings
from services.recommendations.controls import Parameters
from services.recommendations.current import Current
from services.recommendations.explaining import Why, why
from services.recommendations.feedback import strengths_with, told
from services.recommendations.given_histories import Rated, anything_new, parted, reactions_of
from services.recommendations.impressions import Impressions
from services.recommendations.listing import Lister, Place, Recommendations, Wish, new_id
from services.recommendations.places import Ranked
from services.recommendations.recording import Reaction, Recorder
from services.recommendations.serving import Workspace
from services.recommendations.similar import Similar, similar_items
from services.recommendations.state import (
    REACTION,
    UserState,
    UserStates,
    history_key,
    merge,
    popularity_key,
)
from services.recommendations.workspaces import Workspaces
from services.web.errors import BadRequest, NotFound

AT_ONCE = 50  # users of one batch whose lists are made together


class Recommender:
    """Makes lists."""

    def __init__(
        self,
        database: Database,
        cache: Cache,
        workspaces: Workspaces,
        settings: RecommendationsSettings,
    ) -> None:
        self._database = database
        self._workspaces = workspaces
        self._strengths = strengths_with(settings.strengths)
        self._impressions = Impressions(database, cache)
        states = UserStates(database, cache, self._strengths)
        self._current = Current(cache, states, missed=self._impressions.forget_missed)
        self._recorder = Recorder(database, cache)
        self._lister = Lister(self._impressions, settings)

    async def recommend(
        self, workspace: str, user_id: str, wish: Wish, *, remember: bool = True
    ) -> Recommendations:
        """Return a list for a user, known or not, and remember that it was shown."""
        held = await self._workspaces.get(workspace)
        state, degraded = await self._current.state(held, user_id)
        return await self._lister.make(
            held, user_id, state, wish, degraded=degraded, remember=remember
        )

    async def recommend_to_many(
        self, workspace: str, user_ids: Sequence[str], wish: Wish, *, remember: bool = True
    ) -> list[Recommendations]:
        """Return a list for each of the users, once for who is named twice; some share their costs."""
        made: list[Recommendations] = []
        once = list(dict.fromkeys(user_ids))
        for start in range(0, len(once), AT_ONCE):
            some = once[start : start + AT_ONCE]
            each = (self.recommend(workspace, user, wish, remember=remember) for user in some)
            made += await asyncio.gather(*each)
        return made

    async def recommend_to_session(
        self, workspace: str, history: Sequence[Rated], wish: Wish
    ) -> Recommendations:
        """Return a list for somebody without an id, and remember nothing.

        Raises:
            BadRequest: the history has no item of the catalogue.
        """
        held = await self._workspaces.get(workspace)
        await self._current.catch_up(held)
        known, ignored = parted(held, history)
        if not known:
            raise BadRequest("The history has no known items", code="unknown_items")
        numbers = [held.catalogue.number(rated.item_id) for rated in known]
        values = [told("rating", rated.rating) for rated in known]
        records = zip(numbers, values, range(len(known)), strict=True)
        history_so_far = merge(np.array(list(records), REACTION), self._strengths)
        state = UserState(history_so_far, np.zeros(0, np.int32))
        made = await self._lister.make(
            held, None, state, wish, repeats=False, remember=False, explain=True
        )
        return replace(made, ignored=ignored)

    async def recommend_from_history(
        self, workspace: str, user_id: str | None, history: Sequence[Rated], *, limit: int
    ) -> Recommendations:
        """Record the ratings, for a new user if none is named, and return what is new to the user.

        Raises:
            BadRequest: neither user nor history; an unknown user; only unknown items.
            NotFound: nothing is left that the user did not react to.
        """
        if user_id is None and not history:
            raise BadRequest("Missing history", code="missing_history")
        held = await self._workspaces.get(workspace)
        await self._current.catch_up(held)
        if user_id is not None and not await self._exists(workspace, user_id):
            raise BadRequest("User does not exist", code="user_does_not_exist")
        known, ignored = parted(held, history)
        if user_id is None and not known:
            raise BadRequest("The history has no known items", code="unknown_items")
        if user_id is None and not anything_new(held, known):
            raise NotFound(
                "No new items to recommend", code="no_new_items"
            )  # and no user is left behind
        user_id = user_id or new_id()
        if known:
            await self._record(held, user_id, reactions_of(user_id, known))
        state, degraded = await self._current.state(held, user_id)
        wish = Wish(Parameters(limit=limit))
        made = await self._lister.make(
            held, user_id, state, wish, degraded=degraded, repeats=False, explain=True
        )
        if not made.places:
            raise NotFound("No new items to recommend", code="no_new_items")
        return replace(made, ignored=ignored)

    async def _record(self, held: Workspace, user_id: str, reactions: Sequence[Reaction]) -> None:
        """Record reactions once, also where the cache is away: it is told to forget later."""
        try:
            await self._recorder.record(held.name, reactions)
        except CacheUnavailable:
            generation = held.catalogue.generation
            self._impressions.forget_later(
                history_key(held.name, generation, user_id), popularity_key(held.name, generation)
            )
            await self._recorder.record(held.name, reactions, follow=False)

    async def why(self, workspace: str, user_id: str, item_id: str) -> tuple[Why, str | None]:
        """Explain where an item stands for a user; and by which version of the model.

        Raises:
            NotFound: the catalogue does not have the item.
        """
        held = await self._workspaces.get(workspace)
        await self._current.catch_up(held)
        number = _known(held, item_id)
        state, _ = await self._current.state(held, user_id)
        now, model = held.now(), held.model
        scores = await held.batches.scores(state.history, model)
        served = model if scores is not None else None
        found = why(number, now, served.scorer if served else None, scores, state)
        return found, served.version if served else None

    async def similar(
        self, workspace: str, item_id: str, *, genre: str | None, limit: int
    ) -> list[Similar]:
        """Return items like an item.

        Raises:
            NotFound: the catalogue does not have the item.
        """
        held = await self._workspaces.get(workspace)
        await self._current.catch_up(held)
        number = _known(held, item_id)
        catalogue, model = held.catalogue, held.model
        allowed = catalogue.mask & catalogue.with_genre(genre) if genre else catalogue.mask
        scorer = model.scorer if model and model.personal else None
        found = partial(similar_items, catalogue, scorer, number, allowed=allowed, limit=limit)
        return await held.batches.aside(found)

    async def popular(self, workspace: str, *, genre: str | None, limit: int) -> list[Place]:
        """Return what most people liked."""
        held = await self._workspaces.get(workspace)
        await self._current.catch_up(held)
        catalogue, popularity = held.catalogue, held.popularity
        order = popularity.order[catalogue.mask[popularity.order]]
        if genre is not None:
            order = order[catalogue.with_genre(genre)[order]]
        return [
            Place(catalogue[n], Ranked(n, float(popularity.counts[n]), "popular"), "")
            for n in order[:limit].tolist()
        ]

    async def history(
        self, workspace: str, user_id: str
    ) -> list[tuple[Item, Kind, float | None, datetime]]:
        """Return the latest reaction to each item, the newest first."""
        async with self._database.reading(workspace) as connection:
            rows = await activity_repository.user_history(connection, workspace, user_id)
            latest = {row[0]: row for row in rows}
            found = await repository.items_by_number(connection, workspace, list(latest))
        newest = sorted(latest.values(), key=lambda row: row[3], reverse=True)
        return [(found[number], kind, value, at) for number, kind, value, at in newest]

    async def _exists(self, workspace: str, user_id: str) -> bool:
        async with self._database.reading(workspace) as connection:
            return await activity_repository.user_exists(connection, workspace, user_id)

    async def close(self) -> None:
        """Write what is waiting."""
        await self._impressions.close()
        await self._workspaces.close()


def _known(held: Workspace, item_id: str) -> int:
    number = held.catalogue.number(item_id)
    if number is None or not held.catalogue[number].listed:
        raise NotFound(f"Item '{item_id}' does not exist.", code="item_not_found")
    return number
