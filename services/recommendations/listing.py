"""Making one list: what may appear, scored, ranked, explained, and remembered before it is shown."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
from prometheus_client import Counter

from services.recommendations.catalogue import Catalogue, Item
from services.recommendations.config import RecommendationsSettings
from services.recommendations.controls import Parameters
from services.recommendations.diversity import genre_likeness
from services.recommendations.experiments import assign
from services.recommendations.explaining import reasons
from services.recommendations.impressions import Impression, Impressions
from services.recommendations.loading import ServedModel
from services.recommendations.places import Numbers, Ranked, Request
from services.recommendations.ranking import rank, suffices
from services.recommendations.scoring import Floats, Scorer
from services.recommendations.serving import Served, Workspace
from services.recommendations.state import UserState

DEFAULT_LIMIT = 10
NOTHING: Numbers = np.zeros(0, np.int32)

_served = Counter(
    "akin_recommended_items",
    "Items in lists, by where they come from and the model of the list.",
    ["source", "model_version"],
)
_served_from = lru_cache(1_000)(_served.labels)  # finding a series takes longer than counting
_degraded = Counter("akin_degraded_lists", "Lists served without something.", ["missing"])


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reader asks of a list: a scenario by name, and parameters that go before its own."""

    parameters: Parameters = field(default_factory=Parameters)
    scenario: str | None = None


class Place(NamedTuple):
    """One place of a list, with its item and the reason why it is there."""

    item: Item
    ranked: Ranked
    reason: str


@dataclass(frozen=True, slots=True)
class Recommendations:
    """A list for one user; `shown` says what was logged of it (or would have been).

    `ignored` are items of the history that the catalogue does not have.
    """

    user_id: str | None
    places: Sequence[Place]
    shown: Impression
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
        explain: bool = False,
    ) -> Recommendations:
        """Return a list; with `remember`, once it is remembered as shown to the user.

        `explain` names the liked items that speak for a place where nobody says whether to.

        Without `repeats` nothing that the user reacted to comes back, even when all else is used up.

        Raises:
            Unprocessable: there is no such scenario.
        """
        # Held on to: a cleanup while scores are awaited gives the workspace new ones.
        now = held.now()
        plan = await _planned(now, user_id, wish)
        model = held.served(plan.version)
        if plan.version is not None and (model is None or model.version != plan.version):
            plan = plan._replace(experiment=None, variant=None)  # not what the variant was to get
        served = model if model is not None and model.scores(state.history) else None
        request = self._request(now, served, state, plan.asked, repeats=repeats)
        places = await self._ranked(held, now, request, state, served)
        shown = _impression(held.name, now.catalogue, user_id, places, served, plan)
        if remember and places:
            degraded = sorted({*degraded, *await self._impressions.remember(shown)})
        _measure(shown, degraded)
        explain = explain if plan.asked.explain is None else plan.asked.explain
        scorer = served.scorer if served and explain else None
        words = reasons(places, now.catalogue, scorer, state.history)
        listed = zip(places, words, strict=True)
        told = [Place(now.catalogue[place.number], place, reason) for place, reason in listed]
        return Recommendations(user_id, told, shown, degraded)

    async def _ranked(
        self,
        held: Workspace,
        now: Served,
        request: Request,
        state: UserState,
        model: ServedModel | None,
    ) -> list[Ranked]:
        """Rank a shortlist where one is made and long enough, and everything otherwise."""
        found = None
        if not request.effects.any:  # rules have to do with the scores of all
            found = await held.batches.shortlist(state.history, model)
        enough = found is not None and suffices(request, state, found)
        return rank(
            request,
            state,
            scores=found if enough else await held.batches.scores(state.history, model),
            popularity=now.popularity,
            explorers=now.explorers,
            generator=self._generator,
        )

    def _request(
        self,
        now: Served,
        model: ServedModel | None,
        state: UserState,
        asked: Parameters,
        *,
        repeats: bool,
    ) -> Request:
        catalogue = now.catalogue
        allowed = now.eligible(asked)
        if not repeats:
            allowed = allowed.copy()
            allowed[state.history.items[state.history.items < len(allowed)]] = False
        cold = not len(state.history.items)
        share = self._settings.cold_exploration_share if cold else self._settings.exploration_share
        return Request(
            asked.limit or DEFAULT_LIMIT,
            allowed,
            exploration=share if asked.exploration is None else asked.exploration,
            diversity=asked.diversity or 0.0,
            likeness=partial(_likeness, catalogue, model.scorer if model else None),
            excluded=_numbers(catalogue, asked.exclude) if asked.exclude else NOTHING,
            effects=now.controls.rules.effects(now.masks, datetime.now(UTC)),
            neighbours=now.online.neighbours(state.history),
        )


class _Plan(NamedTuple):
    """How a list shall be made: what was asked of it, after experiment and scenario had their say."""

    asked: Parameters
    scenario: str | None = None
    experiment: str | None = None
    variant: str | None = None
    version: str | None = None  # of the model; None: the champion


async def _planned(now: Served, user_id: str | None, wish: Wish) -> _Plan:
    # Who asks for a scenario by name gets it, and nobody's variant.
    asks = wish.scenario is None and user_id is not None
    assigned = assign(now.controls.experiments, user_id or "") if asks else None
    scenario = wish.scenario
    if scenario is None and assigned and assigned.scenario in now.controls.scenarios:
        scenario = assigned.scenario  # one that is understood no longer is not the user's mistake
    asked = wish.parameters
    if scenario is not None:
        asked = asked.over(now.controls.scenario(scenario))
    if asked.filter is not None:
        await now.masks.prepare([asked.filter])
    if assigned is None:
        return _Plan(asked, scenario)
    return _Plan(asked, scenario, assigned.experiment, assigned.variant, assigned.model)


def _impression(
    workspace: str,
    catalogue: Catalogue,
    user_id: str | None,
    places: Sequence[Ranked],
    model: ServedModel | None,
    plan: _Plan,
) -> Impression:
    return Impression(
        workspace=workspace,
        epoch=catalogue.epoch,
        generation=catalogue.generation,
        user_id=user_id or "",
        recommendation_id=new_id(),
        places=places,
        model_version=model.version if model else None,
        scenario=plan.scenario,
        experiment=plan.experiment,
        variant=plan.variant,
    )


def _numbers(catalogue: Catalogue, item_ids: Sequence[str]) -> Numbers:
    return np.array([n for n in map(catalogue.number, item_ids) if n is not None], np.int32)


def _likeness(catalogue: Catalogue, scorer: Scorer | None, numbers: Numbers) -> Floats:
    genres = genre_likeness([catalogue[number].genres for number in numbers.tolist()])
    if scorer is None:
        return genres
    return np.asarray((genres + scorer.pairwise(numbers.tolist())) / 2, np.float32)


def new_id() -> str:
    """Return an id that nobody else makes and that sorts by time."""
    return f"{time.time_ns():016x}{os.urandom(8).hex()}"


def _measure(shown: Impression, degraded: Sequence[str]) -> None:
    version, sources = shown.model_version or "none", [place.source for place in shown.places]
    for source in set(sources):
        _served_from(source, version).inc(sources.count(source))
    for missing in degraded:
        _degraded.labels(missing).inc()
