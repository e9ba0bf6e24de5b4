"""What the libraries are asked to do is what the trainer did."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from services.model_store import Data
from services.recommendations.criteria import NDCG
from services.recommendations.evaluation import Measures
from services.recommendations.searching import Trial
from services.recommendations.training import Row, TrainingReport
from tests.benchmarks.training import FITS, Job, jobs_of

NOTHING = Measures(**{each.name: 0 for each in fields(Measures)})
NOW = datetime.now(UTC)
EASE, OTHER_EASE, ALS = {"regularisation": 1.0}, {"regularisation": 2.0}, {"dimensions": 8}


def row(model: str, parameters: dict[str, Any], *trials: tuple[dict[str, Any], float]) -> Row:
    tried = [Trial(model, each, {}, ndcg, 1.0) for each, ndcg in trials]
    return Row(model, NOTHING, 1.0, parameters, None, tried)


def report(chosen: str) -> TrainingReport:
    """Ten people chose, twenty judged; the second EASE was better, and the blend left ALS out."""
    blend = {"model": "blend", "parts": {"ease": {"model": "ease", **OTHER_EASE}}}
    return TrainingReport(
        rows=[
            row("popularity", {"model": "popularity"}, ({}, 0.1)),
            row("ease", {"model": "ease", **OTHER_EASE}, (EASE, 0.2), (OTHER_EASE, 0.3)),
            row("als", {"model": "als", **ALS}, (ALS, 0.2)),
            row("blend", blend, ({}, 0.3)),
        ],
        champion=None,
        champion_advantage=None,
        chosen=chosen,
        version="v",
        promoted=True,
        reason="",
        advantage=(0.0, 0.0, 0.0),
        protocol="",
        choosers=10,
        judges=20,
        criterion=NDCG,
        data=Data(start=NOW, end=NOW, rows=1, users=1, items=1, sha256="0" * 64),
        notes=[],
    )


def test_every_fit_is_done_once_and_scores_as_many_people_as_the_trainer() -> None:
    tuned, judged = 4 * 10, 10 + 2 * 20  # four half-lives; for the blend, and by those who judge
    assert list(jobs_of(report("blend"))) == [
        Job("ease", EASE, False, tuned),
        Job("ease", OTHER_EASE, False, tuned + judged),
        Job("als", ALS, False, tuned + judged),
        Job("ease", {"model": "ease", **OTHER_EASE}, True, 0),
    ]


def test_popularity_is_no_library() -> None:
    assert [job.everything for job in jobs_of(report("popularity"))] == [False] * 3


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("ease", {"regularisation": 1.0}),
        ("als", {"confidence": 3.0, "dimensions": 8, "regularisation": 1.0, "iterations": 5}),
    ],
)
def test_the_libraries_learn_what_belongs_together(model: str, parameters: dict[str, Any]) -> None:
    """Even people like even items, odd people odd ones, each all but two of them."""
    users, items = np.divmod(np.arange(40 * 40), 40)
    liked = (users % 2 == items % 2) & ((users + items) // 2 % 10 != 0)
    shape = (40, 40)
    likes = sp.csr_matrix(liked.reshape(shape).astype(np.float32))
    best = FITS[model](likes, sp.identity(40, format="csr"), parameters)(np.arange(4))
    best = best[0] if isinstance(best, tuple) else best
    for user, row_of in enumerate(np.asarray(best)):
        assert (row_of[:2] % 2 == user % 2).all()
