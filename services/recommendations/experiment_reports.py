"""What came of an experiment: rates per variant, and what they can be believed for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.recommendations.experiment_joins import liked_places
from services.recommendations.experiment_logs import Lists, Logs
from services.recommendations.experiment_statistics import (
    Difference,
    Rate,
    SampleRatio,
    difference,
    ratio,
    sample_ratio,
)
from services.recommendations.experiments import Experiment

SOURCES = {"m": "model", "e": "exploration", "p": "popular", "f": "fallback", "r": "rule"}

Mask = NDArray[np.bool_]
Places = NDArray[np.intp]
Numbers = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class SourceReport:
    """What came to lists from one source, and how many of it were liked."""

    items: int
    likes: int


@dataclass(frozen=True, slots=True)
class ChanceReport:
    """What lists say about items that they did not choose.

    Of the places that were left to chance with a known probability p < 1: `like_rate` estimates how many of
    *all* items that could have come to those places would have been liked, had each been shown equally
    often, the like rate of a policy that shows them at random. It is Σ like / p over Σ 1 / p (the
    self-normalised estimate of Hájek; Swaminathan & Joachims 2015): a little biased, and far less noisy
    than dividing by how many items there were, which would also have to be known for each list. Nothing is
    estimated for a policy that shows what had no chance.

    `effective_size` is (Σ 1 / p)² / Σ 1 / p² (Kish): as many equally likely places would say as much.
    """

    places: int
    effective_size: float
    like_rate: Rate


@dataclass(frozen=True, slots=True)
class VariantReport:
    """One variant. `per_item` is the share of the shown items that were liked, `per_list` that of lists
    from which something was liked; the differences are to the first variant, which has none."""

    name: str
    users: int
    lists: int
    items: int
    likes: int
    per_item: Rate
    per_list: Rate
    per_item_difference: Difference | None
    per_list_difference: Difference | None
    sources: Mapping[str, SourceReport]
    chance: ChanceReport | None


@dataclass(frozen=True, slots=True)
class Report:
    """What came of an experiment; `read_until` is when the last list that was read was shown, in seconds
    since 1970, where there were more lists than one report reads."""

    variants: Sequence[VariantReport]
    sample_ratio: SampleRatio
    read_until: float | None
    likes_capped: bool


def report(experiment: Experiment, logs: Logs) -> Report:
    """Return the report. Takes a second for a million places; call it in a thread."""
    sums = _Sums(logs, liked_places(logs.lists, logs.likes))
    made: list[VariantReport] = []
    for place, variant in enumerate(experiment.variants):
        made.append(_variant(variant.name, sums, place, made[0] if made else None))
    counted = sample_ratio([v.users for v in made], [v.share for v in experiment.variants])
    read_until = float(logs.lists.times[-1]) if logs.lists.capped else None
    return Report(made, counted, read_until, logs.likes.capped)


def _variant(name: str, sums: _Sums, place: int, control: VariantReport | None) -> VariantReport:
    lists = np.flatnonzero(sums.lists.variants == place)
    users, likes, shown = sums.lists.users[lists], sums.likes[lists], sums.lists.lengths[lists]
    per_item = _by_user(users, likes, shown)
    per_list = _by_user(users, likes > 0, np.ones(len(lists)))
    return VariantReport(
        name=name,
        users=len(np.unique(users)),
        lists=len(lists),
        items=int(shown.sum()),
        likes=int(likes.sum()),
        per_item=per_item,
        per_list=per_list,
        per_item_difference=difference(per_item, control.per_item) if control else None,
        per_list_difference=difference(per_list, control.per_list) if control else None,
        sources=_sources(sums, place),
        chance=_chance(sums, place),
    )


@dataclass(frozen=True)
class _Sums:
    """The logs, and which places were liked."""

    logs: Logs
    liked: Mask

    @property
    def lists(self) -> Lists:
        return self.logs.lists

    @cached_property
    def list_of(self) -> Numbers:
        """The list of each place."""
        return np.repeat(np.arange(len(self.lists.ids), dtype=np.int32), self.lists.lengths)

    @cached_property
    def likes(self) -> NDArray[np.intp]:
        """The liked places of each list."""
        return np.bincount(self.list_of[self.liked], minlength=len(self.lists.ids))

    @cached_property
    def drawn(self) -> Places:
        """The places that were left to chance with a known propensity."""
        propensities = self.lists.propensities
        return np.flatnonzero((propensities > 0) & (propensities < 1))  # NaN is neither


def _sources(sums: _Sums, variant: int) -> dict[str, SourceReport]:
    """Return what came from each source that there is."""
    places = np.repeat(sums.lists.variants == variant, sums.lists.lengths)
    shown = np.bincount(sums.lists.sources[places], minlength=256)
    liked = np.bincount(sums.lists.sources[places & sums.liked], minlength=256)
    return {
        name: SourceReport(int(shown[ord(letter)]), int(liked[ord(letter)]))
        for letter, name in SOURCES.items()
        if shown[ord(letter)]
    }


def _chance(sums: _Sums, variant: int) -> ChanceReport | None:
    """Return what the places left to chance say; None where there are none."""
    list_of = sums.list_of[sums.drawn]
    mine = sums.lists.variants[list_of] == variant
    places, list_of = sums.drawn[mine], list_of[mine]
    if not len(places):
        return None
    users = sums.lists.users[list_of]
    weights = 1 / sums.lists.propensities[places].astype(np.float64)
    return ChanceReport(
        places=len(places),
        effective_size=float(weights.sum() ** 2 / (weights @ weights)),
        like_rate=_by_user(users, weights * sums.liked[places], weights),
    )


def _by_user(users: Numbers, numerators: NDArray[Any], denominators: NDArray[Any]) -> Rate:
    """Return the ratio of the sums, of which each entry belongs to the user beside it."""
    there = np.bincount(users) > 0
    sums = [np.bincount(users, each)[there] for each in (numerators, denominators)]
    return ratio(*(each.astype(np.float64) for each in sums))
