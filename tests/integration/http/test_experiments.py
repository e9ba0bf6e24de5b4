"""PUT|GET|DELETE /experiments/{name}: splitting users, and what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert

from services import database
from services.recommendations.tables import impressions, scenarios
from tests.integration.http.stage import Api, Platform
from tests.integration.recommendations import small_models

pytestmark = pytest.mark.asyncio(loop_scope="session")

HALVES = [{"name": "a", "share": 50}, {"name": "b", "share": 50}]


async def put(api: Api, name: str = "e", variants: Sequence[Any] = HALVES, **more: Any) -> Any:
    answer = await api.put(f"/experiments/{name}", json={"variants": list(variants), **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def shown(platform: Platform, api: Api, *lists: tuple[str, str, str, list[int]]) -> None:
    """Write impressions of the experiment `e`: id, user, variant, item numbers."""
    rows = [
        {
            "workspace": api.workspace,
            "recommendation_id": name,
            "user_id": user,
            "shown_at": datetime.now(UTC),
            "items": np.array(numbers, "<i4").tobytes(),
            "sources": "m" * len(numbers),
            "propensities": np.ones(len(numbers), "<f4").tobytes(),
            "experiment": "e",
            "variant": variant,
        }
        for name, user, variant, numbers in lists
    ]
    async with (
        database.connect(platform.settings.database) as db,
        db.transaction(api.workspace) as connection,
    ):
        await connection.execute(insert(impressions), rows)


async def test_an_experiment_is_defined_listed_and_ended(api: Api) -> None:
    made = await put(api, note="why")
    assert made["ended_at"] is None
    assert [variant["share"] for variant in made["variants"]] == [50, 50]
    await put(api, "another")
    listed = (await api.get("/experiments", params={"limit": 1})).json()
    assert [each["name"] for each in listed["experiments"]] == ["another"]
    rest = (await api.get("/experiments", params={"cursor": listed["cursor"]})).json()
    assert rest == {"experiments": [made], "cursor": None}

    ended = (await api.delete("/experiments/e")).json()
    assert ended["ended_at"] is not None
    assert (await api.delete("/experiments/e")).json() == ended
    told = (await api.get("/experiments/e")).json()
    assert told["ended_at"] == ended["ended_at"]
    assert [variant["users"] for variant in told["report"]["variants"]] == [0, 0]


async def test_one_that_runs_is_paused_and_annotated_but_not_split_otherwise(api: Api) -> None:
    made = await put(api)
    paused = await put(api, enabled=False, note="A holiday.")
    assert paused == made | {"enabled": False, "note": "A holiday."}

    others = [{"name": "a", "share": 40}, {"name": "b", "share": 60}]
    answer = await api.put("/experiments/e", json={"variants": others})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "experiment_runs")
    assert "mix populations" in answer.json()["error"]["message"]

    await api.delete("/experiments/e")
    again = await put(api, variants=others)
    assert again["started_at"] > made["started_at"]
    assert again["ended_at"] is None


@pytest.mark.parametrize(
    "variants",
    [
        [{"name": "a", "share": 100}],
        [{"name": "a", "share": 50}, {"name": "b", "share": 49}],
        [{"name": "a", "share": 50}, {"name": "a", "share": 50}],
        [{"name": "a", "share": 0}, {"name": "b", "share": 100}],
        [{"name": "a", "share": 50}, {"name": "b", "share": 50, "modell": "champion"}],
    ],
)
async def test_a_split_that_is_none_is_refused(api: Api, variants: list[Any]) -> None:
    answer = await api.put("/experiments/e", json={"variants": variants})
    assert answer.status_code == 422, answer.text
    assert (await api.get("/experiments/e")).status_code == 404


async def test_unknown_models_and_scenarios_are_refused_with_those_that_are_known(
    api: Api, platform: Platform
) -> None:
    made = await asyncio.to_thread(
        small_models.publish, platform.models, api.workspace, best=[0], size=2
    )
    async with (
        database.connect(platform.settings.database) as db,
        db.transaction(api.workspace) as connection,
    ):
        row = {"workspace": api.workspace, "name": "discovery", "definition": {}}
        await connection.execute(insert(scenarios).values(row))

    for wrong, known in (
        ({"model": "0" * 16}, f"champion, {made.version}"),
        ({"scenario": "discoverie"}, "discovery"),
    ):
        variants = [HALVES[0], HALVES[1] | wrong]
        answer = await api.put("/experiments/e", json={"variants": variants})
        (detail,) = answer.json()["error"]["details"]
        assert answer.status_code == 422
        assert detail["field"] == f"body.variants.1.{next(iter(wrong))}"
        assert detail["message"].endswith(f"known are: {known}")

    right = [HALVES[0] | {"model": made.version}, HALVES[1] | {"scenario": "discovery"}]
    assert (await put(api, variants=right))["variants"][0]["model"] == made.version


async def test_reports_what_was_shown_and_what_was_liked(api: Api, platform: Platform) -> None:
    await api.items(i0=["X"], i1=["X"], i2=["X"])
    await put(api)
    lists = [(f"r{n}", f"u{n}", "ab"[n % 2], [0, 1]) for n in range(8)]
    await shown(platform, api, *lists)
    await api.react("u0", i0="like", i1="dislike")
    await api.react("u1", i0="like", i1="like")
    await api.react("u2", i2="like")  # nobody showed it
    seen = {"user_id": "u3", "item_id": "i0", "kind": "view", "recommendation_id": "r3"}
    linked = {"user_id": "u4", "item_id": "i1", "kind": "rating", "value": 5}
    late = datetime.now(UTC) + timedelta(days=1, hours=-1)
    linked |= {"recommendation_id": "r4", "timestamp": late.isoformat()}
    assert (await api.post("/events", json={"events": [seen, linked]})).status_code == 200
    await api.react("u5", i0="like")

    report = (await api.get("/experiments/e")).json()["report"]
    one, two = report["variants"]
    assert (one["users"], one["lists"], one["items"], one["likes"]) == (4, 4, 8, 2)
    assert (two["users"], two["lists"], two["items"], two["likes"]) == (4, 4, 8, 3)
    assert one["likes_per_item"]["rate"] == 2 / 8
    assert two["lists_with_a_like"]["rate"] == 2 / 4
    assert two["likes_per_item_difference"]["difference"] == 1 / 8
    assert two["by_source"] == {"model": {"items": 8, "likes": 3, "like_rate": 3 / 8}}
    assert (report["sample_ratio"]["warning"], report["notes"]) == (None, [])

    await shown(platform, api, ("r8", "u8", "a", [0, 1]))
    again = (await api.get("/experiments/e")).json()["report"]
    assert again == report  # for a minute


async def test_a_broken_split_is_warned_of(api: Api, platform: Platform) -> None:
    await api.items(i0=["X"])
    await put(api)
    await shown(platform, api, *((f"r{n}", f"u{n}", "a", [0]) for n in range(40)))
    told = (await api.get("/experiments/e")).json()["report"]["sample_ratio"]
    assert told["p_value"] < 0.001
    assert "before believing" in told["warning"]


async def test_another_workspace_does_not_see_it(api: Api, platform: Platform) -> None:
    await put(api)
    async with platform.client(f"{api.workspace}-2") as other:
        assert (await other.get("/experiments")).json()["experiments"] == []
        for answer in (await other.get("/experiments/e"), await other.delete("/experiments/e")):
            assert (answer.status_code, answer.json()["error"]["code"]) == (
                404,
                "experiment_not_found",
            )


async def test_needs_the_scopes(api: Api, platform: Platform) -> None:
    await put(api)
    async with platform.client(api.workspace, "recommendations:read") as reader:
        assert (await reader.get("/experiments/e")).status_code == 200
        assert (await reader.delete("/experiments/e")).status_code == 403
        body = {"variants": HALVES}
        assert (await reader.put("/experiments/x", json=body)).status_code == 403


async def test_lists_say_in_their_logs_which_variant_they_belong_to(
    api: Api, platform: Platform
) -> None:
    await api.items(**{f"i{n}": ["X"] for n in range(6)})
    await put(api)
    for user in range(30):
        await api.recs(f"u{user}", limit=2)
    report = (await api.get("/experiments/e")).json()["report"]
    assert sum(variant["users"] for variant in report["variants"]) == 30
    assert all(variant["users"] for variant in report["variants"])
    assert report["sample_ratio"]["warning"] is None
