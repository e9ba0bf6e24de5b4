"""How well similar anomalies are found, as the training measured it."""

from __future__ import annotations

import pytest

from services import database
from services.anomaly_similarity.training import train
from tests.integration.anomaly_similarity.cases import KEY, record_fleet
from tests.integration.http.stage import Api, Platform

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_before_any_training_there_is_none_and_the_answer_says_what_to_do(api: Api) -> None:
    answer = await api.get("/similarities/evaluation")
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["code"] == "not_trained"
    assert "akin train similarity" in error["message"]


async def test_it_has_every_method_seen_and_unseen_texts_apart_and_what_was_chosen(
    api: Api, platform: Platform
) -> None:
    async with database.connect(platform.settings.database) as data:
        await record_fleet(data, api.workspace)
        trained = await train(data, platform.models, api.workspace, key=KEY, late=["shift"])
    answer = await api.get("/similarities/evaluation")
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["model_version"] == trained.version
    assert (found["relevant_by"], found["late"]) == (list(KEY), ["shift"])
    methods = {each["method"]: each for each in found["methods"]}
    assert methods["chosen"]["p_at_1"]["mean"] > methods["random"]["p_at_1"]["mean"] + 0.5
    assert methods["chosen"]["p_at_1"]["low"] <= methods["chosen"]["p_at_1"]["high"]
    assert methods["words"]["p_at_1_of_unseen_texts"]["mean"] > 0.5
    assert 0 <= found["certainty"]["calibration_error"] <= 1
    assert set(found["chosen"]) <= set(methods)


async def test_where_nothing_could_be_judged_it_says_so(api: Api, platform: Platform) -> None:
    async with database.connect(platform.settings.database) as data:
        await record_fleet(data, api.workspace, rounds=1)
        await train(data, platform.models, api.workspace, key=(), late=())
    found = (await api.get("/similarities/evaluation")).json()
    assert found["methods"] == []
    assert found["certainty"] is None
    assert "Fewer than" in found["notes"][0]
