"""Which like belongs to which list, and what is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pytest

from services.recommendations.experiment_logs import ID, WINDOW, Likes, Lists, Logs
from services.recommendations.experiment_reports import Report, report
from services.recommendations.experiments import Experiment, Variant

HOUR = 3_600.0
ADA, BOB, EVE = 0, 1, 2
SPLIT = Experiment(
    "w", "e", (Variant("a", 50), Variant("b", 50)), datetime(2026, 11, 1, tzinfo=UTC)
)


@dataclass
class Log:
    """Lists and likes, written down one by one."""

    rows: list[tuple] = field(default_factory=list)
    likes: list[tuple] = field(default_factory=list)

    def shown(
        self,
        user: int,
        *items: int,
        at: float = 0.0,
        variant: int = 0,
        sources: str | None = None,
        chances: Sequence[float] | None = None,
    ) -> bytes:
        """Note a list and return its id."""
        name = f"list-{len(self.rows)}".encode()
        letters = (sources or "m" * len(items)).encode()
        self.rows.append((name, user, variant, at, items, letters, chances or [1.0] * len(items)))
        return name

    def liked(self, user: int, item: int, *, at: float = 1.0, by: bytes = b"") -> None:
        """Note a like, for the list `by` if it is named."""
        self.likes.append((user, item, at, by))

    def report(self) -> Report:
        """Return the report of all that was noted."""
        names, users, variants, times, items, sources, chances = zip(*self.rows, strict=True)
        lists = Lists(
            np.array(names, ID),
            np.array(users, np.int32),
            np.array(variants, np.int8),
            np.array(times),
            np.array([len(each) for each in items], np.int32),
            np.array([n for each in items for n in each], np.int32),
            np.frombuffer(b"".join(sources), np.uint8),
            np.array([p for each in chances for p in each], np.float32),
            capped=False,
        )
        given = zip(*self.likes, strict=True) if self.likes else ([], [], [], [])
        kinds = (np.int32, np.int32, np.float64, ID)
        likes = Likes(*(np.array(c, k) for c, k in zip(given, kinds, strict=True)), capped=False)
        return report(SPLIT, Logs(lists, likes))


@pytest.fixture
def log() -> Log:
    return Log()


def counted(made: Report) -> list[int]:
    """Return the likes of each variant."""
    return [variant.likes for variant in made.variants]


def test_a_like_belongs_to_the_list_that_it_names(log: Log) -> None:
    first = log.shown(ADA, 1, 2, variant=0, at=0)
    log.shown(ADA, 1, 2, variant=1, at=10)
    log.liked(ADA, 1, at=20, by=first)
    assert counted(log.report()) == [1, 0]


def test_a_named_list_counts_however_late_the_like_comes(log: Log) -> None:
    log.liked(ADA, 1, at=100 * HOUR, by=log.shown(ADA, 1))
    assert counted(log.report()) == [1, 0]


@pytest.mark.parametrize(("user", "item"), [(BOB, 1), (ADA, 3)])
def test_a_like_does_not_belong_to_another_users_list_nor_to_one_without_the_item(
    log: Log, user: int, item: int
) -> None:
    named = log.shown(ADA, 1, 2)
    log.shown(BOB, 9)
    log.liked(user, item, by=named)
    assert counted(log.report()) == [0, 0]


def test_a_like_that_names_a_list_of_elsewhere_belongs_to_none(log: Log) -> None:
    log.shown(ADA, 1)
    log.liked(ADA, 1, by=b"unknown")
    assert counted(log.report()) == [0, 0]


def test_a_like_without_a_list_belongs_to_the_latest_that_showed_the_item(log: Log) -> None:
    log.shown(ADA, 1, 2, at=0, variant=0)
    log.shown(ADA, 2, 1, at=10, variant=1)
    log.shown(ADA, 3, at=15, variant=0)
    log.shown(ADA, 1, at=30, variant=0)
    log.shown(BOB, 1, at=19, variant=0)
    log.liked(ADA, 1, at=20)
    assert counted(log.report()) == [0, 1]


def test_it_belongs_to_none_after_a_day_or_before_it_was_shown(log: Log) -> None:
    log.shown(ADA, 1, 2, 3, at=10)
    log.liked(ADA, 1, at=10 + WINDOW.total_seconds())
    log.liked(ADA, 2, at=11 + WINDOW.total_seconds())
    log.liked(ADA, 3, at=9)
    assert counted(log.report()) == [1, 0]


def test_likes_of_one_place_are_one(log: Log) -> None:
    named = log.shown(ADA, 1, 2)
    for _ in range(3):
        log.liked(ADA, 1, by=named)
        log.liked(ADA, 1)
    assert counted(log.report()) == [1, 0]


def test_rates_are_of_items_and_of_lists(log: Log) -> None:
    log.shown(ADA, 1, 2, 3, 4)
    log.shown(ADA, 5, 6, 7, 8)
    log.shown(BOB, 1, 2, variant=1)
    log.liked(ADA, 1)
    log.liked(ADA, 2)
    one, two = log.report().variants
    assert (one.users, one.lists, one.items, one.likes) == (1, 2, 8, 2)
    assert (one.per_item.value, one.per_list.value) == (2 / 8, 1 / 2)
    assert (two.per_item.value, two.per_list.value) == (0, 0)


def test_differences_are_to_the_first_variant(log: Log) -> None:
    for user in range(20):
        log.shown(user, 1, 2, variant=user % 2)
        if user % 4 in (1, 3) or user % 8 == 0:
            log.liked(user, user % 8 // 4 + 1)
    one, two = log.report().variants
    assert (one.per_item_difference, one.per_list_difference) == (None, None)
    assert two.per_item_difference is None  # all of them liked one: nothing varies
    log.liked(1, 1)
    log.liked(1, 2)
    one, two = log.report().variants
    assert two.per_item_difference.value == two.per_item.value - one.per_item.value
    assert two.per_item_difference.p_value < 0.05


def test_items_are_counted_by_where_they_came_from(log: Log) -> None:
    log.shown(ADA, 1, 2, 3, sources="mme")
    log.shown(BOB, 1, 2, sources="pr")
    log.liked(ADA, 1)
    log.liked(BOB, 2)
    (one, _) = log.report().variants
    told = {name: (source.items, source.likes) for name, source in one.sources.items()}
    assert told == {"model": (2, 1), "exploration": (1, 0), "popular": (1, 0), "rule": (1, 1)}


def test_what_was_not_left_to_chance_says_nothing_of_what_was_not_shown(log: Log) -> None:
    log.shown(ADA, 1, 2, chances=[1.0, float("nan")])
    assert log.report().variants[0].chance is None


def test_the_estimate_finds_the_like_rate_of_a_catalogue_shown_unevenly(log: Log) -> None:
    """Items 0..9 are liked and shown nine times as often as items 10..99, which are not."""
    generator = np.random.default_rng(0)
    chances = np.where(np.arange(100) < 10, 0.05, 0.5 / 90)
    for user in range(3_000):
        item = int(generator.choice(100, p=chances))
        log.shown(user, 200, item, sources="me", chances=[1.0, chances[item]])
        if item < 10:
            log.liked(user, item)
        log.liked(user, 200)
    (one, _) = log.report().variants
    assert one.sources["exploration"].likes / one.sources["exploration"].items > 0.45
    low, high = one.chance.like_rate.interval
    assert low < 0.1 < high
    assert high - low < 0.03
    assert one.chance.places == 3_000
    assert 500 < one.chance.effective_size < 3_000


def test_an_experiment_that_showed_nothing_yet_has_a_report() -> None:
    log = Log()
    log.shown(ADA, variant=-1)
    made = log.report()
    assert counted(made) == [0, 0]
    assert made.variants[0].per_item.value is None
    assert made.sample_ratio.p_value is None
