"""POST /interact: what one person liked and disliked."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.integration.http.stage import Api, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


def body(**changes: Any) -> dict[str, Any]:
    return {"user_id": "ada", "item_ids": ["a", "b"], "actions": ["like", "dislike"]} | changes


async def test_accepts_and_records_likes_and_dislikes(api: Api) -> None:
    answer = await api.post("/interact", json=body())
    assert (answer.status_code, answer.json()) == (200, {"accepted": 2})

    await until(lambda: has_history(api, "ada", 2))
    assert {(e["item_id"], e["kind"]) for e in await api.history("ada")} == {
        ("a", "like"),
        ("b", "dislike"),
    }


async def test_a_repeated_event_is_counted_once(api: Api) -> None:
    await api.items(a=["Comedy"])
    sent = body(item_ids=["a"], actions=["like"], event_ids=[uuid.uuid4().hex])
    for _ in range(3):
        assert (await api.post("/interact", json=sent)).json() == {"accepted": 1}
    await api.react("ada", b="like")  # arrives after them

    popular = (await api.get("/popular")).json()["items"]
    assert [(item["item_id"], item["likes"]) for item in popular] == [("a", 1)]


async def test_the_latest_of_two_reactions_holds_whatever_order_they_come_in(api: Api) -> None:
    later = body(item_ids=["a"], actions=["like"], timestamp="2026-03-01T12:00:00+02:00")
    earlier = body(item_ids=["a"], actions=["dislike"], timestamp=1_700_000_000)
    for sent in (later, earlier):
        assert (await api.post("/interact", json=sent)).status_code == 200
    await api.react("ada", b="like")

    (found,) = [e for e in await api.history("ada") if e["item_id"] == "a"]
    assert (found["kind"], found["timestamp"]) == ("like", "2026-03-01T10:00:00Z")


async def test_a_thousand_entries_are_accepted_and_one_more_is_not(api: Api) -> None:
    ids = [f"item-{n}" for n in range(1_001)]
    most = body(item_ids=ids[:1_000], actions=["like"] * 1_000)
    assert (await api.post("/interact", json=most)).json() == {"accepted": 1_000}

    answer = await api.post("/interact", json=body(item_ids=ids, actions=["like"] * 1_001))
    assert answer.status_code == 422
    assert {d["field"] for d in answer.json()["error"]["details"]} == {
        "body.item_ids",
        "body.actions",
    }


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"actions": ["like"]}, {"body.actions"}),
        ({"actions": ["like", "adore"]}, {"body.actions.1"}),
        ({"actions": ["like", "view"]}, {"body.actions.1"}),
        ({"item_ids": [], "actions": []}, {"body.item_ids", "body.actions"}),
        ({"event_ids": ["e1"]}, {"body.event_ids"}),
        ({"event_ids": ["e1", "e1"]}, {"body.event_ids"}),
        ({"user_id": ""}, {"body.user_id"}),
        ({"user_id": None}, {"body.user_id"}),
        ({"user_id": 7}, {"body.user_id"}),
        ({"user_id": "x" * 201}, {"body.user_id"}),
        ({"item_ids": ["a\n", "\u2028"]}, {"body.item_ids.0", "body.item_ids.1"}),
        ({"timestamp": "2026-03-01T12:00:00"}, {"body.timestamp"}),
        ({"timestamp": "1700000000"}, {"body.timestamp"}),
        ({"timestamp": -1}, {"body.timestamp"}),
        ({"colour": "red"}, {"body.colour"}),
        ({"user_id": "", "item_ids": [""], "colour": 1, "actions": ["like", "adore"]}, None),
    ],
)
async def test_names_every_field_that_does_not_fit(
    api: Api, changes: dict[str, Any], fields: set[str] | None
) -> None:
    answer = await api.post("/interact", json=body(**changes))
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "invalid_request"
    assert error["request_id"] == answer.headers["x-request-id"]
    everything = {"body.user_id", "body.item_ids.0", "body.actions.1", "body.colour"}
    assert {detail["field"] for detail in error["details"]} == (fields or everything)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"\\ud800": 1}', b"NaN"],
    ids=["empty", "cut", "null", "list", "text", "not UTF-8", "deep", "half a pair", "NaN"],
)
async def test_a_body_that_is_no_object_is_refused(api: Api, content: bytes) -> None:
    answer = await api.post(
        "/interact", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["field"].startswith("body")


async def test_another_content_type_is_refused(api: Api) -> None:
    headers = {"content-type": "text/plain"}
    answer = await api.post("/interact", content=b'{"user_id": "ada"}', headers=headers)
    assert answer.status_code == 422


@pytest.mark.parametrize("name", ["a/b", " ", "%2F", "100%", "ünï→☃", "a?b#c", "a/history"])
async def test_ids_may_hold_any_printable_characters(api: Api, name: str) -> None:
    sent = body(user_id=name, item_ids=[name], actions=["like"])
    assert (await api.post("/interact", json=sent)).status_code == 200
    await until(lambda: has_history(api, name, 1))
    assert [e["item_id"] for e in await api.history(name)] == [name]


async def has_history(api: Api, user_id: str, size: int) -> bool:
    return len(await api.history(user_id)) == size
