"""The routes for experiments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path

from services.recommendations import experiment_schemas as schemas
from services.recommendations.dependencies import kept
from services.recommendations.endpoints import decode_cursor, encode_cursor
from services.recommendations.experiment_reports import ChanceReport, Report, VariantReport
from services.recommendations.experiment_statistics import Difference, Rate, SampleRatio
from services.recommendations.experimenting import Experiments
from services.recommendations.experiments import Experiment, Variant
from services.recommendations.schemas import Limit
from services.security.scopes import Scope
from services.web import paths  # noqa: F401 - `:id` in the routes
from services.web.gate import Caller, requires
from services.web.schemas import ErrorBody, Id, Responses

router = APIRouter()

_NONE: Responses = {404: {"model": ErrorBody, "description": "Does not exist in this workspace."}}
_RUNS: Responses = {409: {"model": ErrorBody, "description": "It runs with another split."}}

BROKEN = (
    "Users did not come to the variants as their shares say (p < .001): something loses users of one "
    "variant, or gives them the other. Find out what before believing any figure."
)
LISTS_LEFT_OUT = "There are more lists than one report reads: those shown after {at} are left out."
LIKES_LEFT_OUT = (
    "There are more likes than one report reads: rates are too low, of all variants alike."
)
AT_RANDOM = (
    "Had these places been filled with any of the items that could have come there, about {rate:.1%} of them would have been liked."
    " This rests on as much as {places:,.0f} equally likely places would say."
)


Experimenting = Annotated[Experiments, kept("experiments")]
Reader = Annotated[Caller, requires(Scope.RECOMMENDATIONS_READ)]
Admin = Annotated[Caller, requires(Scope.MODELS_ADMIN)]
Name = Annotated[Id, Path(examples=["discovery-2026"])]


@router.get("/experiments", response_model=schemas.ExperimentPage)
async def list_experiments(
    caller: Reader, experiments: Experimenting, limit: Limit = 50, cursor: str | None = None
) -> schemas.ExperimentPage:
    """List experiments by name, those that have ended too."""
    start = decode_cursor(cursor)
    found = await experiments.page(caller.workspace, after=start, limit=limit + 1)
    return schemas.ExperimentPage(
        experiments=[_out(experiment) for experiment in found[:limit]],
        cursor=encode_cursor(start + limit) if len(found) > limit else None,
    )


@router.put("/experiments/{name:id}", response_model=schemas.ExperimentOut, responses=_RUNS)
async def put_experiment(
    name: Name, body: schemas.ExperimentBody, caller: Admin, experiments: Experimenting
) -> schemas.ExperimentOut:
    """Split users over variants, from now on. One that runs can be paused, resumed and annotated."""
    variants = [Variant(**variant.model_dump()) for variant in body.variants]
    started = await experiments.put(
        caller.workspace, name, variants, enabled=body.enabled, note=body.note
    )
    return _out(started)


@router.get("/experiments/{name:id}", response_model=schemas.ExperimentReport, responses=_NONE)
async def get_experiment(
    name: Name, caller: Reader, experiments: Experimenting
) -> schemas.ExperimentReport:
    """Tell what came of an experiment so far; the report is at most a minute old."""
    experiment, at, report = await experiments.report(caller.workspace, name)
    definition = _out(experiment).model_dump()
    return schemas.ExperimentReport(**definition, report=_report(at, report))


@router.delete("/experiments/{name:id}", response_model=schemas.ExperimentOut, responses=_NONE)
async def end_experiment(
    name: Name, caller: Admin, experiments: Experimenting
) -> schemas.ExperimentOut:
    """End an experiment. What is known of it stays, until its name is used again."""
    return _out(await experiments.end(caller.workspace, name))


def _out(experiment: Experiment) -> schemas.ExperimentOut:
    return schemas.ExperimentOut(
        name=experiment.name,
        started_at=experiment.started_at,
        ended_at=experiment.ended_at,
        **experiment.definition(),
    )


def _report(at: datetime, report: Report) -> schemas.ReportOut:
    notes = [LIKES_LEFT_OUT] if report.likes_capped else []
    if report.read_until is not None:
        last = datetime.fromtimestamp(report.read_until, UTC)
        notes.append(LISTS_LEFT_OUT.format(at=last.isoformat(timespec="seconds")))
    return schemas.ReportOut(
        computed_at=at,
        variants=[_variant(variant) for variant in report.variants],
        sample_ratio=_sample_ratio(report.sample_ratio),
        notes=notes,
    )


def _variant(variant: VariantReport) -> schemas.VariantOut:
    return schemas.VariantOut(
        name=variant.name,
        users=variant.users,
        lists=variant.lists,
        items=variant.items,
        likes=variant.likes,
        likes_per_item=_rate(variant.per_item),
        lists_with_a_like=_rate(variant.per_list),
        likes_per_item_difference=_difference(variant.per_item_difference),
        lists_with_a_like_difference=_difference(variant.per_list_difference),
        by_source={
            name: schemas.SourceOut(
                items=source.items, likes=source.likes, like_rate=source.likes / source.items
            )
            for name, source in variant.sources.items()
        },
        inverse_propensity=_chance(variant.chance),
    )


def _rate(rate: Rate) -> schemas.RateOut:
    low, high = rate.interval or (None, None)
    return schemas.RateOut(rate=rate.value, low=low, high=high)


def _difference(found: Difference | None) -> schemas.DifferenceOut | None:
    if found is None:
        return None
    return schemas.DifferenceOut(
        difference=found.value, low=found.low, high=found.high, p_value=found.p_value
    )


def _chance(found: ChanceReport | None) -> schemas.ChanceOut | None:
    if found is None:
        return None
    return schemas.ChanceOut(
        places=found.places,
        effective_size=found.effective_size,
        like_rate=_rate(found.like_rate),
        meaning=AT_RANDOM.format(rate=found.like_rate.value, places=found.effective_size),
    )


def _sample_ratio(found: SampleRatio) -> schemas.SampleRatioOut:
    return schemas.SampleRatioOut(
        chi_square=found.chi_square,
        p_value=found.p_value,
        warning=BROKEN if found.suspicious else None,
    )
