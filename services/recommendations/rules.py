"""What operators' rules do to a list: items are pinned, boosted or buried.

- *Boost* adds `strength` standard deviations to the scores of what matches; boosts add up.
- *Bury* lets what matches come after everything else that is new to the user. It removes nothing.
- *Pin* gives places to what matches, is new to the user and may appear: one place, or a share of the list
  at even distances, rounded down. The highest scores are taken, of equal ones the lowest number.

Where rules meet: a pin beats a bury, which beats a boost. Pins at a place are set before shares, and each
kind in the order of the rules' names; a place that is taken passes a pin on to the next free one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.recommendations.filters import Filter, Masks

Effect = Literal["pin", "boost", "bury"]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
T = TypeVar("T")
K = TypeVar("K", bound=np.generic)

SAMPLE = 4_096  # scores whose deviation stands for all: some 1 % off, in 30 µs at any size
ENOUGH = 100  # sampled scores at least that may appear; with fewer, all of them are looked at
HIGHEST = 20.0  # deviations, all boosts together, where they multiply a chance: e²⁰ is a certainty
FOREVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. It holds from `starts` until before `ends`; None is always.

    `strength` is for boosts, in standard deviations. A pin has either `percent` of the places, or
    `position`, the place counted from 1.
    """

    name: str
    filter: Filter
    effect: Effect
    strength: float = 1.0
    percent: float | None = None
    position: int | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    enabled: bool = True

    def active(self, now: datetime) -> bool:
        """Tell whether it holds at this moment."""
        begun = self.starts is None or self.starts <= now
        return self.enabled and begun and (self.ends is None or now < self.ends)


@dataclass(frozen=True, slots=True)
class Pin:
    """A rule that pins, and the numbers of the items that match it."""

    rule: Rule
    numbers: NDArray[np.int32]  # ascending

    def places(self, slots: int) -> list[int]:
        """Return the places that it asks for in a list of so many slots, counted from 0."""
        if self.rule.position is not None:
            return [self.rule.position - 1] if self.rule.position <= slots else []
        count = int(slots * (self.rule.percent or 0) / 100)
        return [int((place + 0.5) * slots / count) for place in range(count)]


@dataclass(frozen=True, slots=True)
class Effects:
    """What the active rules do to a catalogue: by item number the boosts (size,), in standard deviations,
    and what is buried (size,); None where there is no such rule."""

    boosts: Floats | None = None
    buried: Mask | None = None
    pins: Sequence[Pin] = ()

    @property
    def any(self) -> bool:
        """Tell whether any rule is active."""
        return self.boosts is not None or self.buried is not None or bool(self.pins)

    def boosted(self, scores: Floats, allowed: Mask) -> Floats:
        """Return the scores with the boosts added, a new array unless there are none.

        The deviation is that of the finite scores of what is `allowed`; 1 where they are all the same.
        Scores beyond the catalogue, or a catalogue beyond the scores, stay as they are.
        """
        if self.boosts is None:
            return scores
        size = min(len(scores), len(self.boosts))
        boosted = scores.copy()
        boosted[:size] += self.boosts[:size] * _deviation(scores, allowed)
        return boosted

    def weighted(self, counts: Floats) -> Floats:
        """Return counts by which items come into question for lists for nobody in particular: e times as
        many for each standard deviation of a boost (also of what nobody liked yet), none for what is buried.
        """
        size = len(counts)
        weights = counts
        if self.boosts is not None:
            boosts = np.minimum(_fitted(self.boosts, size), HIGHEST)
            weights = ((counts + (boosts > 0)) * np.exp(boosts)).astype(np.float32)
        if self.buried is not None:
            weights = np.where(_fitted(self.buried, size), np.float32(0), weights)
        return weights

    def odds(self, numbers: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return, for these items, how many times as likely they are to be drawn: e for each deviation of a boost."""
        if self.boosts is None:
            return np.ones(len(numbers))
        size = int(numbers.max(initial=-1)) + 1
        boosts: Floats = np.minimum(_fitted(self.boosts, size), HIGHEST)[numbers]
        return np.exp(boosts.astype(np.float64))

    def tiers(self, unseen: Mask) -> list[Mask]:
        """Return what comes first and, where something is buried, what comes after it."""
        if self.buried is None:
            return [unseen]
        buried = _fitted(self.buried, len(unseen))
        return [unseen & ~buried, unseen & buried]

    def pinned(self, unseen: Mask, scores: Floats, slots: int) -> dict[int, int]:
        """Return what is pinned: place, counted from 0, → item number, all distinct and `unseen`.

        Never more than each rule's share of `slots`, which is how many places the list will have.
        """
        placed: dict[int, int] = {}
        for pin in self.pins:
            places = pin.places(slots)
            taken = set(placed.values())
            best = _best(pin, unseen, scores, len(places), taken) if places else []
            for place, number in zip(places, best, strict=False):
                free = chain(range(place, slots), range(place - 1, -1, -1))
                found = next((p for p in free if p not in placed), None)
                if found is not None:
                    placed[found] = number
        return placed


def weave(rest: Sequence[T], pinned: Mapping[int, T]) -> list[T]:
    """Return one list of both: what is pinned at its places, or as near to them as the rest reaches."""
    woven = list(rest)
    for place in sorted(pinned):
        woven.insert(place, pinned[place])
    return woven


class Rulebook:
    """The rules of a workspace. What they do to its catalogue is worked out once for all requests,
    until the catalogue changes or a rule begins or ends.

    Takes 5 bytes an item, and 4 for each item that a pin matches.
    """

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.rules = sorted(rules, key=lambda rule: rule.name)
        self._effects = Effects()
        self._of: tuple[Masks | None, int] = (None, 0)
        self._since = self._until = FOREVER

    def effects(self, masks: Masks, now: datetime) -> Effects:
        """Return what the rules that are active now do to the catalogue of `masks`."""
        if not self.rules:
            return self._effects
        of = (masks, masks.version)
        if self._of != of or not self._since <= now < self._until:
            self._effects = _combined([r for r in self.rules if r.active(now)], masks)
            moves = [at for r in self.rules for at in (r.starts, r.ends) if at and at > now]
            self._of, self._since, self._until = of, now, min(moves, default=FOREVER)
        return self._effects

    async def prepare(self, masks: Masks) -> None:
        """Make what the rules need without holding up other requests; `effects` is quick then."""
        await masks.prepare(rule.filter for rule in self.rules)

    def touching(self, number: int, masks: Masks, now: datetime) -> list[Rule]:
        """Return the active rules that an item matches, to explain its place."""
        return [r for r in self.rules if r.active(now) and masks.of(r.filter)[number]]


def _combined(active: Sequence[Rule], masks: Masks) -> Effects:
    size = masks.columns.catalogue.size
    boosts: Floats | None = None
    buried: Mask | None = None
    pins: list[Pin] = []
    for rule in active:
        mask = masks.of(rule.filter)
        if rule.effect == "boost":
            boosts = np.zeros(size, np.float32) if boosts is None else boosts
            boosts[mask] += rule.strength
        elif rule.effect == "bury":
            buried = mask if buried is None else buried | mask
        else:
            pins.append(Pin(rule, np.flatnonzero(mask).astype(np.int32)))
    pins.sort(key=lambda pin: pin.rule.position is None)  # stable: by name in each kind
    return Effects(boosts, buried, pins)


def _best(pin: Pin, unseen: Mask, scores: Floats, count: int, taken: Set[int]) -> list[int]:
    """Return the `count` best items of a pin that are unseen and not taken, the best first."""
    numbers = pin.numbers[: np.searchsorted(pin.numbers, len(unseen))]
    numbers = numbers[unseen[numbers]]
    wanted = count + len(taken)
    values = np.full(len(numbers), -np.inf, np.float32)
    known = int(np.searchsorted(numbers, len(scores)))  # the others are newer than the scores
    values[:known] = np.fmax(scores[numbers[:known]], -np.inf)  # NaN is the lowest
    if len(values) > wanted:  # sorting all would take 100 ms where a million match
        high = values >= np.partition(values, -wanted)[-wanted]
        numbers, values = numbers[high], values[high]
    best = numbers[np.argsort(-values, kind="stable")[:wanted]].tolist()
    return [number for number in best if number not in taken][:count]


def _deviation(scores: Floats, allowed: Mask) -> float:
    size = min(len(scores), len(allowed))
    step = size // SAMPLE | 1  # odd: catalogues may alternate
    sample = scores[:size:step][allowed[:size:step]]
    if len(sample) < ENOUGH:
        sample = scores[:size][allowed[:size]]
    sample = sample[np.isfinite(sample)]
    deviation = float(np.std(sample, dtype=np.float64)) if len(sample) else 0.0
    return deviation or 1.0


def _fitted(values: NDArray[K], size: int) -> NDArray[K]:
    """Return `size` values; zero for what is newer than they are."""
    if len(values) >= size:
        return values[:size]
    fitted = np.zeros(size, values.dtype)
    fitted[: len(values)] = values
    return fitted
