"""What operators set for the lists of a workspace, in memory: rules, scenarios, running experiments."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.recommendations import control_repository, experiment_storage, tables
from services.recommendations.control_schemas import RuleBody, ScenarioBody
from services.recommendations.experiments import Experiment
from services.recommendations.filters import Filter, compile_filter
from services.recommendations.rules import Rule, Rulebook
from services.web.errors import Unprocessable, worded

log = logging.getLogger(__name__)

MAX_NAMED = 20  # known scenarios in an error

Definitions = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a request or a scenario says of a list; None where it says nothing."""

    limit: int | None = None
    genre: str | None = None
    filter: Filter | None = None
    exclude: Sequence[str] | None = None
    diversity: float | None = None
    exploration: float | None = None
    explain: bool | None = None

    def over(self, other: Parameters) -> Parameters:
        """Return these, and where they say nothing what the other says."""
        names = [each.name for each in fields(self)]
        pairs = ((name, getattr(self, name)) for name in names)
        return Parameters(
            **{name: getattr(other, name) if value is None else value for name, value in pairs}
        )


@dataclass(frozen=True)
class Controls:
    """The controls of one workspace. `stored` is what they were made of."""

    rules: Rulebook = field(default_factory=Rulebook)
    scenarios: Mapping[str, Parameters] = field(default_factory=dict)
    experiments: Sequence[Experiment] = ()
    stored: object = None

    def scenario(self, name: str) -> Parameters:
        """Return the parameters of a scenario.

        Raises:
            Unprocessable: there is none of that name; the error names those that there are.
        """
        found = self.scenarios.get(name)
        if found is None:
            known = ", ".join(list(self.scenarios)[:MAX_NAMED]) or "none"
            more = " …" if len(self.scenarios) > MAX_NAMED else ""
            message = f"unknown scenario '{name}'; known: {known}{more}"
            detail = {"field": ".scenario", "message": message, "type": "unknown_scenario"}
            raise Unprocessable(
                "There is no such scenario.", code="unknown_scenario", details=[detail]
            )
        return found


async def load(
    connection: AsyncConnection, workspace: str, held: Controls | None = None
) -> Controls:
    """Return the workspace's controls: `held` itself, with all that it worked out, if nothing changed.

    What this release does not understand is left out, and logged.
    """
    rules = await control_repository.everything(connection, workspace, tables.rules)
    scenarios = await control_repository.everything(connection, workspace, tables.scenarios)
    experiments = await experiment_storage.running(connection, workspace)
    stored = (rules, scenarios, experiments)
    if held is not None and held.stored == stored:
        return held
    return controls_of(workspace, rules, scenarios, experiments)


def controls_of(
    workspace: str,
    rules: Definitions,
    scenarios: Definitions,
    experiments: Sequence[Experiment] = (),
) -> Controls:
    """Return the controls of what is stored; what is not understood is left out, and logged."""
    understood = []
    for name, definition in rules.items():
        if _understood(workspace, "rule", name, rule_problem(definition)):
            understood.append(_rule(name, RuleBody.model_validate(definition)))
    usable = {
        name: _parameters(ScenarioBody.model_validate(definition))
        for name, definition in scenarios.items()
        if _understood(workspace, "scenario", name, scenario_problem(definition))
    }
    return Controls(Rulebook(understood), usable, experiments, (rules, scenarios, experiments))


def rule_problem(definition: Mapping[str, Any]) -> str | None:
    """Return why a stored rule has no effect, None if it has."""
    return _problem(RuleBody, definition)


def scenario_problem(definition: Mapping[str, Any]) -> str | None:
    """Return why a stored scenario cannot be used, None if it can."""
    return _problem(ScenarioBody, definition)


def _problem(body: type[RuleBody | ScenarioBody], definition: Mapping[str, Any]) -> str | None:
    try:
        body.model_validate(definition)
    except ValidationError as error:
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {worded(first)}"
    return None


def _understood(workspace: str, kind: str, name: str, problem: str | None) -> bool:
    if problem is not None:
        told = {"workspace": workspace, kind: name, "reason": problem}
        log.warning("A stored %s is left out.", kind, extra=told)
    return problem is None


def _rule(name: str, body: RuleBody) -> Rule:
    return Rule(
        name,
        compile_filter(body.filter),
        body.effect,
        1.0 if body.strength is None else body.strength,
        body.percent,
        body.position,
        body.starts,
        body.ends,
        body.enabled,
    )


def _parameters(body: ScenarioBody) -> Parameters:
    wanted = None if body.filter is None else compile_filter(body.filter)
    return Parameters(
        body.limit,
        body.genre,
        wanted,
        body.exclude,
        body.diversity,
        body.exploration,
        body.explain,
    )
