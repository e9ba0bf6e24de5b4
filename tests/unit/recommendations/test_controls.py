"""Rules and scenarios from what is stored to what serves; what is refused; what is left out."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services import cache, database
from services.database import Database
from services.recommendations import controlling, experiment_storage, repository, tables
from services.recommendations.control_schemas import RuleBody, ScenarioBody
from services.recommendations.controlling import ControlEditor
from services.recommendations.controls import Controls, Parameters, controls_of, load
from services.recommendations.experiments import Experiment, Variant
from services.recommendations.filters import compile_filter
from services.web.errors import Conflict, NotFound, Unprocessable

COMEDY = 'genres has "Comedy"'
BOOST = {"filter": COMEDY, "effect": "boost"}
PIN = {"filter": COMEDY, "effect": "pin", "percent": 20}


def test_a_rule_serves_as_it_is_stored() -> None:
    stored = {
        "b": PIN,
        "a": BOOST | {"strength": 0.5, "from": "2026-01-01T00:00:00Z", "enabled": False},
    }
    boost, pin = controls_of("w", stored, {}).rules.rules
    assert (boost.name, boost.effect, boost.strength, boost.enabled) == ("a", "boost", 0.5, False)
    assert (boost.starts, boost.ends) == (datetime(2026, 1, 1, tzinfo=UTC), None)
    assert (pin.name, pin.percent, pin.position, pin.strength) == ("b", 20, None, 1.0)
    assert pin.filter is compile_filter(COMEDY)


def test_what_a_request_says_wins_over_its_scenario_which_wins_over_nothing() -> None:
    stored = {"limit": 20, "filter": COMEDY, "exclude": ["a"], "diversity": 0.0, "explain": False}
    scenario = controls_of("w", {}, {"quiet": stored}).scenario("quiet")
    asked = Parameters(limit=5, exclude=(), exploration=0.0)
    assert asked.over(scenario) == Parameters(
        limit=5,
        filter=compile_filter(COMEDY),
        exclude=(),
        diversity=0.0,
        exploration=0.0,
        explain=False,
    )
    assert Parameters().over(scenario) == scenario
    assert asked.over(Parameters()) == asked


def test_an_unknown_scenario_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(Unprocessable) as refused:
        controls_of("w", {}, {"a": {}, "b": {}}).scenario("c")
    (detail,) = refused.value.details
    assert detail["field"] == ".scenario"
    assert detail["message"] == "unknown scenario 'c'; known: a, b"
    with pytest.raises(Unprocessable) as refused:
        Controls().scenario("c")
    assert refused.value.details[0]["message"].endswith("known: none")
    with pytest.raises(Unprocessable) as refused:
        controls_of("w", {}, {f"{n:02}": {} for n in range(50)}).scenario("c")
    assert refused.value.details[0]["message"].endswith("18, 19 …")


@pytest.mark.parametrize(
    "broken",
    [
        BOOST | {"filter": "colour = 5"},  # a field that another release had
        BOOST | {"effect": "hide"},
        BOOST | {"strength": "much"},
        BOOST | {"weight": 5},
        {},
    ],
)
def test_what_this_release_does_not_understand_is_left_out_and_logged(
    broken: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = controls_of("w", {"old": broken, "good": BOOST}, {"old": {"filter": "colour = 5"}})
    assert [rule.name for rule in found.rules.rules] == ["good"]
    assert found.scenarios == {}
    kinds = [record.args for record in caplog.records]
    assert kinds == [("rule",), ("scenario",)]


@pytest.mark.parametrize(
    ("body", "field", "told"),
    [
        (BOOST | {"colour": 1}, "colour", "Extra inputs"),
        (BOOST | {"starts": "2026-01-01T00:00:00Z"}, "starts", "Extra inputs"),
        (BOOST | {"effect": "hide"}, "effect", "'pin', 'boost' or 'bury'"),
        (BOOST | {"filter": "year >"}, "filter", "expected a number, such as 1995, after year >"),
        (BOOST | {"filter": ""}, "filter", "at least 1 character"),
        (BOOST | {"filter": "hidden\x00"}, "filter", "match pattern"),
        (BOOST | {"filter": "hidden" + " " * 1_000}, "filter", "at most 1000 characters"),
        (BOOST | {"strength": float("nan")}, "strength", "finite"),
        (BOOST | {"strength": float("inf")}, "strength", "finite"),
        (BOOST | {"strength": 0}, "strength", "greater than 0"),
        (BOOST | {"strength": 11}, "strength", "less than or equal to 10"),
        (BOOST | {"strength": True}, "strength", "valid number"),
        (BOOST | {"percent": 5}, "percent", "only a pin has a percent"),
        (BOOST | {"position": 5}, "position", "only a pin has a position"),
        (PIN | {"strength": 1}, "strength", "only a boost has a strength"),
        (PIN | {"percent": 101}, "percent", "less than or equal to 100"),
        (PIN | {"percent": float("nan")}, "percent", "finite"),
        (PIN | {"position": 1}, "position", "either percent or position"),
        (PIN | {"percent": None}, "position", "either percent or position"),
        (PIN | {"percent": None, "position": 0}, "position", "greater than or equal to 1"),
        (BOOST | {"from": "2026-01-01"}, "from", "RFC 3339"),
        (BOOST | {"from": 1e9, "until": 1e9}, "until", "must be later than from"),
        (BOOST | {"from": 1e9, "until": 1}, "until", "must be later than from"),
        (BOOST | {"enabled": 1}, "enabled", "valid boolean"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused_at_the_field_that_is_wrong(
    body: dict[str, Any], field: str, told: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        RuleBody.model_validate(body)
    (error,) = refused.value.errors()
    assert error["loc"] == (field,)
    assert told in error["msg"]


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": 1.5},
        {"genre": ""},
        {"filter": "genres"},
        {"exclude": []},
        {"exclude": [""]},
        {"diversity": 1.1},
        {"diversity": float("nan")},
        {"exploration": -0.1},
        {"exploration": float("inf")},
        {"explain": "yes"},
        {"user_id": "ada"},
    ],
)
def test_a_scenario_that_does_not_fit_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        ScenarioBody.model_validate(body)
    assert refused.value.errors()[0]["loc"][0] == next(iter(body))


def test_an_error_in_a_filter_carries_its_position() -> None:
    with pytest.raises(ValidationError) as refused:
        RuleBody.model_validate(BOOST | {"filter": "year > 1990 and {x}"})
    (error,) = refused.value.errors()
    assert (error["type"], error["ctx"]["position"]) == ("filter_invalid", 16)
    assert error["msg"] == "unexpected '{' (at position 16)"


# What is stored, in SQLite; the routes' tests have both databases.


@pytest.fixture
async def data(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite+aiosqlite:///{tmp_path}/akin.db"
    await database.migrate(url)
    async with database.connect(url) as opened:
        yield opened


async def loaded(data: Database, held: Controls | None = None) -> Controls:
    async with data.reading("w") as connection:
        return await load(connection, "w", held)


async def test_controls_are_those_held_until_something_changes(data: Database) -> None:
    first = await loaded(data)
    assert (first.rules.rules, first.scenarios, first.experiments) == ([], {}, [])
    assert await loaded(data, first) is first
    split = Experiment(
        "w", "e", (Variant("a", 50), Variant("b", 50, scenario="s")), datetime.now(UTC)
    )
    async with data.transaction("w") as connection:
        await experiment_storage.save(connection, split)
    async with cache.connect("memory://") as connected:
        await ControlEditor(data, connected, tables.rules).put("w", "r", PIN)
        await ControlEditor(data, connected, tables.scenarios).put("w", "s", {"limit": 5})
        await ControlEditor(data, connected, tables.rules).put("other", "x", PIN)
    second = await loaded(data, first)
    assert second is not first
    assert [rule.name for rule in second.rules.rules] == ["r"]
    assert second.scenarios == {"s": Parameters(limit=5)}
    assert list(second.experiments) == [split]
    assert await loaded(data, second) is second


async def test_every_change_gives_the_catalogue_a_new_revision_and_returns_what_was(
    data: Database,
) -> None:
    async with cache.connect("memory://") as connected:
        editor = ControlEditor(data, connected, tables.rules)
        assert await editor.put("w", "r", PIN) is None
        assert await editor.put("w", "r", BOOST) == PIN
        assert await editor.get("w", "r") == BOOST
        assert await editor.everything("w") == {"r": BOOST}
        assert await editor.delete("w", "r") == BOOST
        with pytest.raises(NotFound, match="Rule 'r' does not exist"):
            await editor.get("w", "r")
        with pytest.raises(NotFound):
            await editor.delete("w", "r")
    async with data.reading("w") as connection:
        state = await repository.catalogue_state(connection, "w")
    assert (state.revision, state.generation, state.next_number) == (3, 0, 0)


async def test_there_are_never_more_than_the_bound_but_those_there_are_can_be_replaced(
    data: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controlling, "MOST", 2)
    async with cache.connect("memory://") as connected:
        editor = ControlEditor(data, connected, tables.scenarios)
        for name in ("a", "b", "b"):
            await editor.put("w", name, {})
        with pytest.raises(Conflict, match="There are 2 scenarios already"):
            await editor.put("w", "c", {})
        await editor.delete("w", "a")
        await editor.put("w", "c", {})


async def test_a_scenario_that_an_experiment_uses_stays_until_it_ends(data: Database) -> None:
    arms = (Variant("a", 50), Variant("b", 50, scenario="s"))
    async with cache.connect("memory://") as connected:
        editor = ControlEditor(data, connected, tables.scenarios)
        await editor.put("w", "s", {})
        async with data.transaction("w") as connection:
            running = Experiment("w", "e", arms, datetime.now(UTC))
            await experiment_storage.save(connection, running)
        with pytest.raises(Conflict, match="Experiment 'e' uses the scenario 's'"):
            await editor.delete("w", "s")
        async with data.transaction("w") as connection:
            ended = Experiment("w", "e", arms, running.started_at, datetime.now(UTC))
            await experiment_storage.save(connection, ended)
        await editor.delete("w", "s")
