"""Who gets which variant: always the same, in the shares that were asked for, independent of all else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recommendations.experiment_statistics import sample_ratio
from services.recommendations.experiments import Experiment, Variant, assign, restored

STARTED = datetime(2026, 11, 1, tzinfo=UTC)
USERS = [f"user-{number}" for number in range(20_000)]

shares = st.lists(st.integers(1, 98), max_size=5).map(lambda cuts: sorted({0, 99, *cuts, 100}))


def experiment(name: str = "e", *split: float, **changes: object) -> Experiment:
    variants = tuple(Variant(f"v{n}", share) for n, share in enumerate(split or (50, 50)))
    return replace(Experiment("w", name, variants, STARTED), **changes)


def variants_of(*experiments: Experiment) -> list[tuple[str, str]]:
    """Return what each of the users gets."""
    return [(got.experiment, got.variant) for user in USERS if (got := assign(experiments, user))]


def p_value_of(names: list[tuple[str, str]], *split: float) -> float:
    """Return the p-value of so many users of each variant."""
    counts = Counter(variant for _, variant in names)
    return sample_ratio([counts[f"v{n}"] for n in range(len(split))], split).p_value or 0


@given(st.text(max_size=20), shares)
def test_everybody_gets_one_of_the_variants_and_always_the_same(user: str, cuts: list[int]) -> None:
    split = [later - earlier for earlier, later in pairwise(cuts)]
    first, again = assign([experiment("e", *split)], user), assign([experiment("e", *split)], user)
    assert first == again
    assert first is not None
    assert first.variant in {f"v{n}" for n in range(len(split))}


@pytest.mark.parametrize("split", [(50, 50), (90, 10), (1, 99), (33.4, 33.3, 33.3)])
def test_users_come_to_variants_as_the_shares_say(split: tuple[float, ...]) -> None:
    assert p_value_of(variants_of(experiment("e", *split)), *split) > 0.001


@pytest.mark.parametrize(
    "other",
    [
        experiment("other"),
        experiment(workspace="elsewhere"),
        experiment(started_at=STARTED + timedelta(seconds=1)),  # the same one, run again
    ],
)
def test_another_experiment_splits_the_users_of_each_variant_anew(other: Experiment) -> None:
    both = zip(variants_of(experiment()), variants_of(other), strict=True)
    of_first = [second for first, second in both if first[1] == "v0"]
    assert p_value_of(of_first, 50, 50) > 0.001


def test_where_several_run_each_user_is_in_one_and_its_split_holds() -> None:
    got = variants_of(experiment("a"), experiment("b", 80, 20), experiment("c"))
    sizes = Counter(name for name, _ in got)
    assert sample_ratio([sizes[name] for name in "abc"], [1, 1, 1]).p_value > 0.001
    assert p_value_of([each for each in got if each[0] == "b"], 80, 20) > 0.001


def test_one_more_experiment_takes_users_from_the_others_and_moves_none_between_them() -> None:
    before = variants_of(experiment("a"), experiment("b"))
    after = variants_of(experiment("a"), experiment("b"), experiment("c"))
    stayed = [(old, new) for old, new in zip(before, after, strict=True) if new[0] != "c"]
    assert all(old == new for old, new in stayed)
    taken = [old for old, new in zip(before, after, strict=True) if new[0] == "c"]
    assert p_value_of(taken, 50, 50) > 0.001  # whichever variant they had


def test_nobody_is_assigned_where_nothing_runs() -> None:
    assert assign([], "ada") is None
    assert experiment().runs
    assert not experiment(enabled=False).runs
    assert not experiment(ended_at=STARTED).runs


def test_a_variant_says_which_model_and_scenario() -> None:
    arms = (Variant("a", 50, model="champion"), Variant("b", 50, model="v2", scenario="new"))
    told = {assign([Experiment("w", "e", arms, STARTED)], user) for user in USERS[:50]}
    assert told == {("e", "a", None, None), ("e", "b", "v2", "new")}


def test_an_experiment_is_stored_and_comes_back() -> None:
    arms = (Variant("a", 40, model="champion"), Variant("b", 60, scenario="new"))
    given_one = Experiment("w", "e", arms, STARTED, STARTED, enabled=False, note="why")
    definition = given_one.definition()
    assert restored("w", "e", definition, STARTED, STARTED) == given_one
