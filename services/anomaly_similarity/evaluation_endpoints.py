"""The route that tells how well similar anomalies are found."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter

from services.anomaly_similarity import evaluation_schemas as schemas
from services.anomaly_similarity.dependencies import NONE, Reader, Stored
from services.anomaly_similarity.loading import MODEL
from services.model_store import DamagedVersion, Manifest, ModelStore, UnknownVersion
from services.web.errors import NotFound

router = APIRouter()


@router.get("/similarities/evaluation", response_model=schemas.Evaluation, responses=NONE)
async def get_evaluation(caller: Reader, models: Stored) -> schemas.Evaluation:
    """Tell how well each method finds relevant cases on this installation's own history, and what was chosen.

    Later anomalies ask and see only earlier ones. It is what the training of the model that serves measured.
    """
    manifest = await asyncio.to_thread(_served, models, caller.workspace)
    if manifest is None:
        raise NotFound(
            "No similarity model was trained in this workspace yet: run `akin train similarity`.",
            code="not_trained",
        )
    return _out(manifest)


def _served(models: ModelStore, workspace: str) -> Manifest | None:
    current = models.current(workspace, MODEL)
    if current is None:
        return None
    try:
        return models.manifest(workspace, MODEL, current.version)
    except (DamagedVersion, UnknownVersion):
        return None


def _out(manifest: Manifest) -> schemas.Evaluation:
    told = manifest.metrics["evaluation"]
    return schemas.Evaluation(
        model_version=manifest.version,
        trained_at=manifest.created_at,
        chosen=told["chosen"],
        relevant_by=told["relevant_by"],
        late=told["late"],
        queries=told["queries"],
        queries_with_seen_text=told["queries_with_seen_text"],
        methods=[_method(each) for each in told["methods"]],
        certainty=_certainty(told["certainty"], told["threshold"]),
        certainty_with_something_to_find=_certainty(
            told["certainty_with_something_to_find"], told["threshold"]
        ),
        anomalies=told["anomalies"],
        verdicts=told["verdicts"],
        notes=told["notes"],
    )


def _method(told: Mapping[str, Any]) -> schemas.Method:
    return schemas.Method(
        method=told["method"],
        chosen_by=told["chosen_by"],
        **{name: _interval(told[name]) for name in schemas.MEASURES},
    )


def _interval(told: Sequence[float | None]) -> schemas.Interval | None:
    mean, low, high = told
    if mean is None or low is None or high is None:
        return None
    return schemas.Interval(mean=mean, low=low, high=high)


def _certainty(told: Mapping[str, Any] | None, threshold: float) -> schemas.Certainty | None:
    if told is None:
        return None
    return schemas.Certainty(
        queries=told["queries"],
        calibration_error=told["error_of_pairs"],
        calibration_error_of_first=told["error_of_first"],
        threshold=threshold,
        abstained=told["abstained"],
        abstained_rightly=told["abstained_rightly"],
        risks=[schemas.Risk(**each) for each in told["risks"]],
    )
