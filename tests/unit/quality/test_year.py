"""A tiny year, from the world to the picture, with Akin's real serving and training code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("lightfm")
pytest.importorskip("matplotlib")

from tests.quality import year
from tests.quality.year_figures import ratio
from tests.quality.year_log import Given, Judge, Log, simulate
from tests.quality.year_policies import Chance
from tests.quality.year_world import make_world

TINY = "--days 6 --users 40 --items 300 --visits 8 --train-every 3 --also year.png"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("year")
    return year.main([*TINY.split(), "--out", str(folder)]), folder


def test_all_policies_meet_the_same_people_and_only_akin_says_where_items_come_from(
    found: tuple[dict[str, Any], Path],
) -> None:
    policies = found[0]["policies"]
    assert list(policies) == ["random", "popular", "daily LightFM", "Akin"]
    shown = {name: sum(s["shown"] for s in p["sources"].values()) for name, p in policies.items()}
    assert shown["Akin"] == 10 * found[0]["world"]["lists"]
    assert shown["random"] == 0


def test_every_measure_is_a_share(found: tuple[dict[str, Any], Path]) -> None:
    for policy in found[0]["policies"].values():
        for measure in ("precision", "ndcg", "diversity", "coverage"):
            assert 0 < policy[measure] <= 1


def test_the_figures_the_picture_and_the_section_are_written(
    found: tuple[dict[str, Any], Path],
) -> None:
    figures, folder = found
    assert json.loads((folder / "quality-year.json").read_text())["policies"].keys()
    assert (folder / "quality-year.svg").stat().st_size > 5_000
    assert (folder / "year.png").stat().st_size > 5_000
    assert "| Akin |" in year.section(figures)


def test_the_best_possible_list_has_an_ndcg_of_one_and_its_reverse_less() -> None:
    world = make_world(days=2, users=5, items=50, visits=2, seed=1)
    likes = world.likes(0)
    best = np.argsort(-likes)[:10]
    everything = np.ones(50, bool)
    assert Judge(world).ndcg(likes, best, everything, 0) == pytest.approx(1)
    assert Judge(world).ndcg(likes, best[::-1], everything, 0) < 1
    judge = Judge(world)
    judge.ndcg(likes, best, everything, 0)
    second_best = np.argsort(-likes)[10:20]
    assert judge.ndcg(likes, second_best, everything, 0) == pytest.approx(1)


@pytest.mark.parametrize("items", [np.zeros(10, int), np.arange(11), np.array([49])])
async def test_a_list_that_repeats_is_too_long_or_has_what_is_not_there_ends_the_year(
    items: np.ndarray,
) -> None:
    class Careless(Chance):
        async def give(self, day: int, user: int) -> Given:
            return Given(items)

    world = make_world(days=2, users=5, items=50, visits=2, seed=1)
    world.arrives[49] = 2
    with pytest.raises(AssertionError, match="repeats"):
        await simulate(world, Careless(world))


def test_a_list_of_equal_genres_has_no_diversity() -> None:
    world = make_world(days=2, users=5, items=50, visits=2, seed=1)
    world.genres[:] = False
    world.genres[:25, 0] = world.genres[25:, 1] = True
    judge = Judge(world)
    assert judge.diversity(np.arange(10)) == pytest.approx(0)
    assert judge.diversity(np.array([0, 25])) == pytest.approx(1)


def test_twice_the_likes_are_a_ratio_of_two() -> None:
    def log(precision: float) -> Log:
        users = list(range(50))
        return Log("any", day=[5] * 50, user=users, nth=[0] * 50, likes=[precision] * 50)

    assert ratio(log(0.4), log(0.2), 0) == pytest.approx((2, 2, 2))
