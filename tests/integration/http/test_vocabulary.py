"""What words stand for: listed, edited, and heard by the next answers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.http.stage import Api, Platform

pytestmark = pytest.mark.asyncio(loop_scope="session")

CYL = {"stands_for": "Cylinder", "kind": "abbreviation"}


async def entries(api: Api, **query: Any) -> list[dict[str, Any]]:
    answer = await api.get("/vocabulary", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["entries"])


async def test_an_edit_is_written_listed_replaced_and_taken_back(api: Api) -> None:
    put = await api.put("/vocabulary/CYL", json=CYL)
    stored = {"term": "cyl", "stands_for": "cylinder", "kind": "abbreviation", "edited": True}
    assert (put.status_code, put.json()) == (200, stored)
    assert await entries(api) == [stored]
    again = await api.put("/vocabulary/cyl", json={"stands_for": "lift  CYLINDER"})
    assert again.json() == {**stored, "stands_for": "lift cylinder", "kind": "synonym"}
    assert await entries(api) == [again.json()]
    assert (await api.delete("/vocabulary/Cyl")).status_code == 204
    gone = await api.delete("/vocabulary/cyl")
    assert gone.status_code == 404
    assert gone.json()["error"]["code"] == "edit_not_found"
    assert await entries(api) == []


async def test_what_is_learned_from_the_texts_is_listed_too(api: Api) -> None:
    texts = ["replace the bucket"] * 20 + ["repalce the bucket"]
    told = [{"anomaly_id": f"a{n}", "description": text} for n, text in enumerate(texts)]
    assert (await api.post("/anomalies", json={"anomalies": told})).status_code == 200
    learned = {"term": "repalce", "stands_for": "replace", "kind": "typo", "edited": False}
    assert await entries(api) == [learned]
    await api.put("/vocabulary/repalce", json={"stands_for": "repalce"})
    assert await entries(api) == [
        {"term": "repalce", "stands_for": "repalce", "kind": "synonym", "edited": True}
    ]
    await api.delete("/vocabulary/repalce")
    assert await entries(api) == [learned]


async def test_a_list_is_filtered_and_paged(api: Api) -> None:
    for term, body in {
        "cyl": CYL,
        "l/h": {"stands_for": "left"},
        "rh": {"stands_for": "right"},
    }.items():
        assert (await api.put(f"/vocabulary/{term}", json=body)).status_code == 200
    assert [e["term"] for e in await entries(api, kind="abbreviation")] == ["cyl"]
    assert [e["term"] for e in await entries(api, q="LEF")] == ["l/h"]
    first = (await api.get("/vocabulary", params={"limit": 2})).json()
    rest = await entries(api, limit=2, cursor=first["cursor"])
    assert [e["term"] for e in [*first["entries"], *rest]] == ["cyl", "l/h", "rh"]


@pytest.mark.parametrize(
    ("term", "body", "field"),
    [
        ("two words", CYL, "path.term"),
        ("...", CYL, "path.term"),
        ("cyl", {"stands_for": " - "}, "body.stands_for"),
        ("cyl", {"stands_for": "ß" * 150}, "body.stands_for"),
        ("cyl", {"stands_for": "x", "kind": "joke"}, "body.kind"),
    ],
)
async def test_what_is_no_word_is_refused(
    api: Api, term: str, body: dict[str, Any], field: str
) -> None:
    answer = await api.put(f"/vocabulary/{term}", json=body)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["error"]["details"]] == [field]


async def test_editing_needs_the_right_to_write(platform: Platform, workspace: str) -> None:
    async with platform.client(workspace, "anomalies:read") as reader:
        assert (await reader.put("/vocabulary/cyl", json=CYL)).status_code == 403
        assert await entries(reader) == []
