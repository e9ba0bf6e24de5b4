"""What anomalies name: /components and /profiles, the same verbs for both."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.http.stage import Api

pytestmark = pytest.mark.asyncio(loop_scope="session")

COMPONENT = {
    "name": "Bucket",
    "location": "Pit 2",
    "status": "worn",
    "component_type": "tool",
}
PROFILE = {"role": "operator", "email": "ada@example.com"}

both = pytest.mark.parametrize(
    ("path", "key", "told"),
    [("components", "component_id", COMPONENT), ("profiles", "user_name", PROFILE)],
    ids=["components", "profiles"],
)
Told = dict[str, Any]


@both
async def test_a_record_is_put_read_replaced_and_deleted(
    api: Api, path: str, key: str, told: Told
) -> None:
    put = await api.put(f"/{path}/one", json=told)
    assert put.status_code == 200, put.text
    assert put.json() == told | {key: "one"} == (await api.get(f"/{path}/one")).json()
    emptied = (await api.put(f"/{path}/one", json={})).json()
    assert emptied == dict.fromkeys(told) | {key: "one"} == (await api.get(f"/{path}/one")).json()
    assert (await api.delete(f"/{path}/one")).status_code == 204
    for answer in (await api.get(f"/{path}/one"), await api.delete(f"/{path}/one")):
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == f"{path[:-1]}_not_found"


@both
async def test_one_or_many_are_posted_and_counted(
    api: Api, path: str, key: str, told: Told
) -> None:
    one = await api.post(f"/{path}", json={key: "a"} | told)
    assert one.json() == {"added": 1, "updated": 0, "unchanged": 0}
    three = [{key: "a"} | told, {key: "b"}, {key: "c"}]
    many = await api.post(f"/{path}", json={path: three})
    assert many.json() == {"added": 2, "updated": 0, "unchanged": 1}
    again = await api.post(f"/{path}", json={path: [{key: "a"}, {key: "b"}]})
    assert again.json() == {"added": 0, "updated": 1, "unchanged": 1}


@both
async def test_records_are_listed_in_pages(api: Api, path: str, key: str, told: Told) -> None:
    names = [f"n{n:02}" for n in range(25)]
    await api.post(f"/{path}", json={path: [{key: name} for name in names]})
    found: list[str] = []
    query: dict[str, Any] = {"limit": 10}
    for _ in range(3):
        page = (await api.get(f"/{path}", params=query)).json()
        found += [each[key] for each in page[path]]
        query["cursor"] = page["cursor"]
    assert (found, query["cursor"]) == (names, None)


@both
async def test_what_does_not_fit_is_refused(api: Api, path: str, key: str, told: Told) -> None:
    for body in ({}, {key: ""}, {key: "a", "colour": "red"}, {path: []}, {path: [{key: "a"}] * 2}):
        answer = await api.post(f"/{path}", json=body)
        assert answer.status_code == 422, body
    assert (await api.get(f"/{path}", params={"cursor": "x"})).status_code == 422
    assert (await api.get(f"/{path}")).json() == {path: [], "cursor": None}
