"""A version serves unless it is clearly worse than what serves."""

from datetime import UTC, datetime

import numpy as np
import pytest

from services.anomaly_similarity.gate import weigh
from services.anomaly_similarity.search.evaluation import Judged
from services.anomaly_similarity.search.training import TrainingReport
from services.model_store import Data, Draft, Manifest
from services.model_store.manifest import seal

JUDGED = {"evaluation": {"methods": [{"method": "chosen"}]}}


def champion(*, epoch: int = 0, metrics: dict | None = None) -> Manifest:
    data = Data(start=None, end=None, rows=1, users=0, items=0, sha256="ab" * 32)
    draft = Draft(
        code_version="1",
        data=data,
        parameters={},
        serving={"epoch": epoch},
        metrics=JUDGED if metrics is None else metrics,
        protocol={},
    )
    return seal(
        draft,
        workspace="w",
        name="similarity",
        files={},
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def judged(values: np.ndarray) -> Judged:
    return Judged(values, values, values, np.zeros(len(values), bool))


def report(**reciprocal: np.ndarray) -> TrainingReport:
    return TrainingReport({}, {name: judged(each) for name, each in reciprocal.items()})


HALF = np.tile([0.0, 1.0], 50)
WORSE = np.tile([0.0, 1.0, 0.0, 0.0], 25)


@pytest.mark.parametrize("theirs", [HALF, WORSE], ids=["equal", "better"])
def test_a_challenger_that_is_as_good_or_better_serves(theirs: np.ndarray):
    assert weigh(report(chosen=HALF, champion=theirs), champion(), epoch=0).promote


def test_one_that_is_clearly_worse_does_not_and_the_run_says_why():
    verdict = weigh(report(chosen=WORSE, champion=HALF), champion(), epoch=0)

    assert not verdict.promote
    assert "-0.2500 MRR (95 % interval" in verdict.reason


def test_a_little_worse_by_chance_is_not_clearly_worse():
    ours = HALF.copy()
    ours[1] = 0.0

    assert weigh(report(chosen=ours, champion=HALF), champion(), epoch=0).promote


def test_the_first_one_serves():
    assert weigh(report(), None, epoch=0).promote


def test_one_from_before_a_cleanup_defends_nothing():
    assert weigh(report(chosen=WORSE, champion=HALF), champion(epoch=1), epoch=2).promote


def test_one_whose_methods_are_gone_is_not_compared():
    assert weigh(report(chosen=WORSE), champion(), epoch=0).promote


def test_what_nobody_could_judge_does_not_replace_what_was_judged():
    assert not weigh(report(), champion(metrics=JUDGED), epoch=0).promote


@pytest.mark.parametrize("metrics", [{"evaluation": {"methods": []}}, {}])
def test_of_two_that_nobody_could_judge_the_newer_one_serves(metrics: dict):
    assert weigh(report(), champion(metrics=metrics), epoch=0).promote
