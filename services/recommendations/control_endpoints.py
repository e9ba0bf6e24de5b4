"""The routes for rules and scenarios. What a change replaced or deleted is in its answer: put it back to undo."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from services.recommendations import control_schemas as schemas
from services.recommendations.controlling import ControlEditor
from services.recommendations.controls import rule_problem, scenario_problem
from services.recommendations.dependencies import kept
from services.security.scopes import Scope
from services.web import paths  # noqa: F401 - `:id` in the routes
from services.web.gate import Caller, requires
from services.web.schemas import ErrorBody, Id, Responses

router = APIRouter()

_NONE: Responses = {404: {"model": ErrorBody, "description": "Does not exist in this workspace."}}
_MANY: Responses = {409: {"model": ErrorBody, "description": "There are too many already."}}
_USED: Responses = {409: {"model": ErrorBody, "description": "An experiment that runs uses it."}}


Rules = Annotated[ControlEditor, kept("rules")]
Scenarios = Annotated[ControlEditor, kept("scenarios")]
Reader = Annotated[Caller, requires(Scope.RECOMMENDATIONS_READ)]
Writer = Annotated[Caller, requires(Scope.CATALOGUE_WRITE)]
RuleName = Annotated[Id, Path(examples=["summer"])]
ScenarioName = Annotated[Id, Path(examples=["discovery"])]


@router.get("/rules", response_model=schemas.RuleList)
async def list_rules(caller: Reader, rules: Rules) -> schemas.RuleList:
    """List all rules by name, which is the order in which they act."""
    found = await rules.everything(caller.workspace)
    return schemas.RuleList(rules=[_rule(name, each) for name, each in found.items()])


@router.put("/rules/{name:id}", response_model=schemas.RulePut, responses=_MANY)
async def put_rule(
    name: RuleName, body: schemas.RuleBody, caller: Writer, rules: Rules
) -> schemas.RulePut:
    """Pin, boost or bury the items that match a filter, in every list from the next one on."""
    definition = body.model_dump(mode="json", by_alias=True, exclude_none=True)
    before = await rules.put(caller.workspace, name, definition)
    previous = None if before is None else schemas.RuleShown(**before)
    return schemas.RulePut(**definition, name=name, previous=previous)


@router.get("/rules/{name:id}", response_model=schemas.RuleOut, responses=_NONE)
async def get_rule(name: RuleName, caller: Reader, rules: Rules) -> schemas.RuleOut:
    """Return a rule."""
    return _rule(name, await rules.get(caller.workspace, name))


@router.delete("/rules/{name:id}", response_model=schemas.RuleShown, responses=_NONE)
async def delete_rule(name: RuleName, caller: Writer, rules: Rules) -> schemas.RuleShown:
    """Delete a rule and return it as it was."""
    return schemas.RuleShown(**await rules.delete(caller.workspace, name))


@router.get("/scenarios", response_model=schemas.ScenarioList)
async def list_scenarios(caller: Reader, scenarios: Scenarios) -> schemas.ScenarioList:
    """List all scenarios by name."""
    found = await scenarios.everything(caller.workspace)
    return schemas.ScenarioList(scenarios=[_scenario(name, each) for name, each in found.items()])


@router.put("/scenarios/{name:id}", response_model=schemas.ScenarioPut, responses=_MANY)
async def put_scenario(
    name: ScenarioName, body: schemas.ScenarioBody, caller: Writer, scenarios: Scenarios
) -> schemas.ScenarioPut:
    """Keep parameters of lists under a name, for `GET /recs/{user_id}?scenario=` and experiments."""
    definition = body.model_dump(mode="json", exclude_none=True)
    before = await scenarios.put(caller.workspace, name, definition)
    previous = None if before is None else schemas.ScenarioShown(**before)
    return schemas.ScenarioPut(**definition, name=name, previous=previous)


@router.get("/scenarios/{name:id}", response_model=schemas.ScenarioOut, responses=_NONE)
async def get_scenario(
    name: ScenarioName, caller: Reader, scenarios: Scenarios
) -> schemas.ScenarioOut:
    """Return a scenario."""
    return _scenario(name, await scenarios.get(caller.workspace, name))


@router.delete(
    "/scenarios/{name:id}", response_model=schemas.ScenarioShown, responses=_NONE | _USED
)
async def delete_scenario(
    name: ScenarioName, caller: Writer, scenarios: Scenarios
) -> schemas.ScenarioShown:
    """Delete a scenario and return it as it was."""
    return schemas.ScenarioShown(**await scenarios.delete(caller.workspace, name))


def _rule(name: str, definition: dict[str, Any]) -> schemas.RuleOut:
    problem = rule_problem(definition)
    return schemas.RuleOut(**definition, name=name, problem=problem)


def _scenario(name: str, definition: dict[str, Any]) -> schemas.ScenarioOut:
    problem = scenario_problem(definition)
    return schemas.ScenarioOut(**definition, name=name, problem=problem)
