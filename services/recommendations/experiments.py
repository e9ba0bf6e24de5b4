"""Experiments: who gets which variant. Pure functions; what is stored and read is elsewhere.

A user's variant is a function of the experiment and the user alone, so that every replica gives the same
one and nothing has to be remembered. A user is in one experiment at a time: where several run, each user
goes to the one with the highest hash (rendezvous hashing, Thaler & Ravishankar 1998), so that an
experiment that starts takes users from the others evenly, whichever variant they had.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from itertools import accumulate
from typing import Any, NamedTuple

CHAMPION = "champion"  # as a variant's model: whichever version serves


@dataclass(frozen=True, slots=True)
class Variant:
    """One arm. `share` is in percent; `model` is a version, "champion", or None, which is the same;
    `scenario` is the name of a scenario, or None for the usual parameters."""

    name: str
    share: float
    model: str | None = None
    scenario: str | None = None


@dataclass(frozen=True)
class Experiment:
    """Variants that users are split over, from `started_at` to `ended_at` (None: it has not ended)."""

    workspace: str
    name: str
    variants: tuple[Variant, ...]
    started_at: datetime
    ended_at: datetime | None = None
    enabled: bool = True  # False: nobody is assigned for the time being
    note: str | None = None

    @property
    def runs(self) -> bool:
        """Tell whether users are assigned."""
        return self.enabled and self.ended_at is None

    @cached_property
    def key(self) -> bytes:
        """What makes this experiment's hashes its own.

        The start is part of it: an experiment that is run again splits users anew, or what the first run
        did to a variant's users would go on in the second (Kohavi et al. 2012, carryover effects).
        """
        told = f"{self.workspace}\0{self.name}\0{self.started_at.timestamp()}"
        return blake2b(told.encode(), digest_size=32).digest()

    @cached_property
    def bounds(self) -> list[float]:
        """Where in [0, 1) one variant ends and the next begins."""
        return [share / 100 for share in accumulate(v.share for v in self.variants[:-1])]

    def definition(self) -> dict[str, Any]:
        """Return what is stored as JSON; `restored` reads it."""
        variants = [asdict(variant) for variant in self.variants]
        return {"variants": variants, "enabled": self.enabled, "note": self.note}


class Assignment(NamedTuple):
    """What a user gets. `model` is a version, None the champion; `scenario` None the usual parameters."""

    experiment: str
    variant: str
    model: str | None
    scenario: str | None


def assign(experiments: Sequence[Experiment], user_id: str) -> Assignment | None:
    """Return what the user gets of the experiments, all of which run; None where there are none.

    Takes about a microsecond an experiment.
    """
    user, best, chosen = user_id.encode(), b"", None
    for experiment in experiments:
        # Independent halves: the first chooses the experiment, the second the variant in it.
        digest = blake2b(user, digest_size=16, key=experiment.key).digest()
        if digest > best:
            best, chosen = digest, experiment
    if chosen is None:
        return None
    point = int.from_bytes(best[8:]) / 2**64
    variant = chosen.variants[bisect_right(chosen.bounds, point)]
    model = None if variant.model == CHAMPION else variant.model
    return Assignment(chosen.name, variant.name, model, variant.scenario)


def restored(
    workspace: str,
    name: str,
    definition: Mapping[str, Any],
    started_at: datetime,
    ended_at: datetime | None,
) -> Experiment:
    """Return the experiment of which `definition` was stored."""
    variants = tuple(Variant(**variant) for variant in definition["variants"])
    enabled, note = definition["enabled"], definition["note"]
    return Experiment(workspace, name, variants, started_at, ended_at, enabled, note)
