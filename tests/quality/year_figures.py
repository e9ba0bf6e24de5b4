"""From the logs of a simulated year to its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.quality.year_log import Log
from tests.quality.year_world import World

SETTLING = 28  # days; people who come first after these are counted as new to a platform that runs
PERIODS = 24  # points of a line over the year
NTH = 10  # lists of a person that are looked at one by one
RESAMPLES = 1_000  # of the bootstrap
AKIN, BASELINE = "Akin", "daily LightFM"
WITHIN = 3  # lists within which Akin shall be …
BETTER = 2.0  # … so many times as precise as the baseline, for somebody new
COVERED = 0.8  # share of the catalogue that Akin shall have shown

Doubles = NDArray[np.float64]


def figures(world: World, logs: Sequence[Log]) -> dict[str, Any]:
    """Return everything that is reported, as JSON can hold it."""
    policies = {log.policy: _of_policy(world, log) for log in logs}
    found: dict[str, Any] = {
        "world": {
            "days": len(world.days),
            "users": world.users,
            "items": world.items,
            "visits": sum(map(len, world.days)),
            "lists": len(logs[0].day),
            "seed": world.seed,
        },
        "policies": policies,
    }
    by_name = {log.policy: log for log in logs}
    if by_name.keys() >= {AKIN, BASELINE}:
        found["targets"] = _targets(by_name[AKIN], by_name[BASELINE], policies[AKIN])
    return found


def _of_policy(world: World, log: Log) -> dict[str, Any]:
    days, likes = np.array(log.day), np.array(log.likes)
    return {
        "precision": _mean(likes),
        "ndcg": _mean(np.array(log.ndcg)),
        "diversity": _mean(np.array(log.diversity)),
        "coverage": log.covered[-1],
        "milliseconds": {
            "p50": 1e3 * float(np.median(log.seconds)),
            "p99": 1e3 * float(np.quantile(log.seconds, 0.99)),
        },
        "training_seconds": log.learning,
        "of_new_users": _by_nth(log, likes),
        "over_time": _over_time(world, log, days, likes),
        "sources": {
            letter: {"shown": shown, "liked": log.liked_from[letter] / shown}
            for letter, shown in sorted(log.shown_from.items())
        },
    }


def _by_nth(log: Log, likes: Doubles) -> dict[str, list[float | None]]:
    """Return the precision of the first, second, … list of new users: of all, and in the first visit."""
    nth, new, first_visit = np.array(log.nth), *_new(log)
    return {
        "by_list": [_mean(likes[new & (nth == n)]) for n in range(NTH)],
        "by_list_in_first_visit": [_mean(likes[first_visit & (nth == n)]) for n in range(4)],
    }


def _new(log: Log) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which lists were for new users, and which of these were in their first visit."""
    days, users, nth = np.array(log.day), np.array(log.user), np.array(log.nth)
    first = np.zeros(users.max() + 1, np.int64)
    first[users[nth == 0]] = days[nth == 0]
    new = first[users] >= min(SETTLING, (days.max() + 1) // 4)
    return new, new & (first[users] == days)


def _over_time(world: World, log: Log, days: NDArray[np.int64], likes: Doubles) -> dict[str, Any]:
    ends = np.unique(np.linspace(0, len(world.days), PERIODS + 1)[1:].round().astype(int))
    period = np.searchsorted(ends, days, side="right")
    columns = {"precision": likes, "ndcg": np.array(log.ndcg), "diversity": np.array(log.diversity)}
    lines = {
        name: [_mean(values[period == p]) for p in range(len(ends))]
        for name, values in columns.items()
    }
    return {"day": ends.tolist(), **lines, "coverage": [log.covered[end - 1] for end in ends]}


def _targets(akin: Log, baseline: Log, of_akin: Mapping[str, Any]) -> list[dict[str, Any]]:
    against = f"of a new user's list {WITHIN} against {BASELINE}'s"
    of_list = ratio(akin, baseline, WITHIN - 1)
    at_once = ratio(akin, baseline, WITHIN - 1, first_visit=True)
    return [
        {
            "what": f"precision {against}",
            "value": of_list[0],
            "interval": of_list[1:],
            "target": BETTER,
        },
        {
            "what": f"the same where it is in the first visit, before {BASELINE} was trained again",
            "value": at_once[0],
            "interval": at_once[1:],
            "target": BETTER,
        },
        {
            "what": "share of the catalogue that was shown in the year",
            "value": of_akin["coverage"],
            "target": COVERED,
        },
    ]


def ratio(
    akin: Log, baseline: Log, nth: int, *, first_visit: bool = False
) -> tuple[float, float, float]:
    """Return the ratio of the precisions of new users' lists, with its 95 % interval (by user)."""
    ours, theirs = (_of_new(log, nth, first_visit=first_visit) for log in (akin, baseline))
    if not len(ours) or not theirs.sum():
        return (float("nan"),) * 3
    picks = np.random.default_rng(0).integers(0, len(ours), (RESAMPLES, len(ours)))
    resampled = ours[picks].sum(axis=1) / np.maximum(theirs[picks].sum(axis=1), 1e-9)
    low, high = np.quantile(resampled, [0.025, 0.975])
    return float(ours.sum() / theirs.sum()), float(low), float(high)


def _of_new(log: Log, nth: int, *, first_visit: bool) -> Doubles:
    """Return the likes of each new user's nth list, in order of the users: all policies meet the same."""
    chosen = _new(log)[first_visit] & (np.array(log.nth) == nth)
    order = np.argsort(np.array(log.user)[chosen])
    return np.array(log.likes)[chosen][order]


def _mean(values: Doubles) -> float | None:
    return float(values.mean()) if len(values) else None
