"""The simulated world is what its description says."""

from __future__ import annotations

import numpy as np
import pytest

from tests.quality.year_world import DISLIKE, LIKE, World, make_world


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(days=40, users=200, items=2_000, visits=20, seed=3)


def test_the_same_seed_gives_the_same_world_and_another_seed_another() -> None:
    options = {"days": 5, "users": 20, "items": 100, "visits": 4}
    one, same, other = (make_world(**options, seed=seed) for seed in (1, 1, 2))
    assert one.days == same.days != other.days
    np.testing.assert_array_equal(one.factors, same.factors)


def test_an_item_has_two_to_four_genres(world: World) -> None:
    assert set(world.genres.sum(axis=1).tolist()) == {2, 3, 4}


def test_half_of_the_items_are_there_at_first_and_nearly_all_at_the_end(world: World) -> None:
    assert world.listed(0).mean() == pytest.approx(0.5, abs=0.01)
    assert 0.95 < world.listed(39).mean() < 1


def test_everybody_comes_once_at_least_and_some_come_often(world: World) -> None:
    visits = np.bincount([v.user for day in world.days for v in day], minlength=world.users)
    assert visits.min() == 1
    assert visits.max() > 10
    assert {v.lists for day in world.days for v in day} == {2, 3, 4}


def test_a_reaction_depends_on_the_pair_alone(world: World) -> None:
    items = np.arange(500)
    together = world.reactions(7, items)
    one_by_one = [int(world.reactions(7, items[n : n + 1])[0]) for n in items[::-1]]
    assert together.tolist() == one_by_one[::-1]


def test_likes_are_as_frequent_as_their_probability_says(world: World) -> None:
    items = np.arange(world.items)
    liked = np.array([world.reactions(user, items) == LIKE for user in range(100)])
    expected = np.array([world.likes(user) for user in range(100)])
    assert liked.mean() == pytest.approx(expected.mean(), abs=0.003)
    likely = expected > 0.8
    assert liked[likely].mean() == pytest.approx(expected[likely].mean(), abs=0.02)


def test_hardly_anybody_dislikes_what_is_to_their_taste(world: World) -> None:
    items = np.arange(world.items)
    fitting = world.affinity(0) > np.quantile(world.affinity(0), 0.9)
    reactions = world.reactions(0, items)
    assert (reactions[fitting] == DISLIKE).mean() < 0.05 < (reactions[~fitting] == DISLIKE).mean()
