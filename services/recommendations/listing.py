"""Making one list: what may appear, scored, ranked, explained, and remembered before it is shown."""

from __future__ import annotations

import os
import time
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter

from services.recommendations.catalogue import Catalogue, Item
from services.recommendations.config import RecommendationsSettings
from services.recommendations.diversity import genre_likeness
from services.recommendations.explaining import reasons
from services.recommendations.impressions import Impression, Impressions
from services.recommendations.ranking import Ranked, Request, Source, rank
from services.recommendations.scoring import Scorer
from services.recommendations.serving import Workspace
from services.recommendations.state import UserState

DEFAULT_LIMIT = 10

_served = Counter("akin_recommended_items", "Items in lists, by where they come from.", ["source"])
_served_from = {source: _served.labels(source) for source in get_args(Source)}
_degraded = Counter("akin_degraded_lists", "Lists served without something.", ["missing"])


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reader asks of a list; None is left to the settings."""

    limit: int | None = None
    genre: str | None = None
    exclude: Sequence[str] = ()
    diversity: float | None = None
    exploration: float | None = None
    explain: bool = True


class Place(NamedTuple):
    """One place of a list, with its item and the reason why it is there."""

    item: Item
    ranked: Ranked
    reason: str


@dataclass(frozen=True, slots=True)
class Recommendations:
    """A list for one user. `ignored` are items of the history that the catalogue does not have."""

    user_id: str | None
    places: Sequence[Place]
    recommendation_id: str
    model_version: str | None
    degraded: Sequence[str]
    ignored: Sequence[str] = ()


class Lister:
    """Makes lists from a workspace and a user's state."""

    def __init__(self, impressions: Impressions, settings: RecommendationsSettings) -> None:
        self._impressions = impressions
        self._settings = settings
        self._generator = np.random.default_rng()

    async def make(
        self,
        held: Workspace,
        user_id: str | None,
        state: UserState,
        wish: Wish,
        *,
        degraded: Sequence[str] = (),
        repeats: bool = True,
        remember: bool = True,
    ) -> Recommendations:
        """Return a list; with `remember`, once it is remembered as shown to the user.

        Without `repeats` nothing that the user reacted to comes back, even when all else is used up.
        """
        # Held on to: a cleanup while scores are awaited gives the workspace new ones.
        catalogue, popularity, model = held.catalogue, held.popularity, held.model
        scores = await held.scores(state.history)
        scorer = model.scorer if model and scores is not None else None
        places = rank(
            self._request(catalogue, scorer, state, wish, repeats=repeats),
            state,
            scores=scores,
            popularity=popularity,
            generator=self._generator,
        )
        shown = Impression(
            workspace=held.name,
            epoch=catalogue.epoch,
            generation=catalogue.generation,
            user_id=user_id or "",
            recommendation_id=new_id(),
            places=places,
            model_version=model.version if model and scorer else None,
        )
        if remember and places:
            degraded = sorted({*degraded, *await self._impressions.remember(shown)})
        _measure(places, degraded)
        told = _told(places, catalogue, scorer, state, explain=wish.explain)
        return Recommendations(
            user_id, told, shown.recommendation_id, shown.model_version, degraded
        )

    def _request(
        self,
        catalogue: Catalogue,
        scorer: Scorer | None,
        state: UserState,
        wish: Wish,
        *,
        repeats: bool,
    ) -> Request:
        allowed = catalogue.mask
        if wish.genre is not None:
            allowed = allowed & catalogue.with_genre(wish.genre)
        if not repeats:
            allowed = allowed.copy()
            allowed[state.history.items[state.history.items < len(allowed)]] = False
        excluded = [n for n in map(catalogue.number, wish.exclude) if n is not None]
        cold = not len(state.history.items)
        share = self._settings.cold_exploration_share if cold else self._settings.exploration_share

        def likeness(numbers: NDArray[np.int32]) -> NDArray[np.float32]:
            genres = genre_likeness([catalogue[n].genres for n in numbers.tolist()])
            return (
                genres
                if scorer is None or not hasattr(scorer, "pairwise")
                else (genres + scorer.pairwise(numbers)) / 2
            )

        return Request(
            wish.limit or DEFAULT_LIMIT,
            allowed,
            exploration=share if wish.exploration is None else wish.exploration,
            diversity=wish.diversity or 0.0,
            likeness=likeness,
            excluded=np.array(excluded, np.int32),
        )


def _told(
    places: Sequence[Ranked],
    catalogue: Catalogue,
    scorer: Scorer | None,
    state: UserState,
    *,
    explain: bool,
) -> list[Place]:
    words = reasons(places, catalogue, scorer if explain else None, state.history)
    return [
        Place(catalogue[place.number], place, reason)
        for place, reason in zip(places, words, strict=True)
    ]


def new_id() -> str:
    """Return an id that nobody else makes and that sorts by time."""
    return f"{time.time_ns():016x}{os.urandom(8).hex()}"


def _measure(places: Sequence[Ranked], degraded: Sequence[str]) -> None:
    for source, count in Tally(place.source for place in places).items():
        _served_from[source].inc(count)
    for missing in degraded:
        _degraded.labels(missing).inc()
