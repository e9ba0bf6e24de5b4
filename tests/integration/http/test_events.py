"""POST /events: reactions of any kind, in batches."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.integration.http.stage import Api, Platform, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


def event(**changes: Any) -> dict[str, Any]:
    return {"user_id": "ada", "item_id": "a", "kind": "like"} | changes


async def test_makes_ids_where_none_were_given_and_keeps_the_others(api: Api) -> None:
    mine = uuid.uuid4().hex
    sent = {"events": [event(), event(event_id=mine), event()]}
    answer = await api.post("/events", json=sent)
    assert answer.status_code == 200
    told = answer.json()
    assert told.keys() == {"accepted", "event_ids"}
    assert told["accepted"] == 3
    assert told["event_ids"][1] == mine
    assert len(set(told["event_ids"])) == 3


async def test_takes_every_kind_of_reaction(api: Api) -> None:
    kinds = ["like", "dislike", "view", "purchase", "skip"]
    sent = [event(item_id=kind, kind=kind) for kind in kinds]
    sent.append(event(item_id="rating", kind="rating", value=4.5, recommendation_id="r1"))
    assert (await api.post("/events", json={"events": sent})).json()["accepted"] == 6

    await until(lambda: recorded(api, 6))
    history = {e["item_id"]: (e["kind"], e["value"]) for e in await api.history("ada")}
    assert history == {kind: (kind, None) for kind in kinds} | {"rating": ("rating", 4.5)}


async def test_the_same_event_ids_count_nothing_twice(api: Api) -> None:
    await api.items(a=["Comedy"])
    sent = {"events": [event(event_id=f"e{n}", user_id=f"u{n}") for n in range(10)]}
    for _ in range(2):
        assert (await api.post("/events", json=sent)).status_code == 200
    await api.react("last", b="like")
    assert (await api.get("/popular")).json()["items"][0]["likes"] == 10


async def test_the_same_event_id_in_another_workspace_is_another_event(
    api: Api, platform: Platform
) -> None:
    sent = {"events": [event(event_id="e1")]}
    async with platform.client(f"{api.workspace}-2") as other:
        for client in (api, other):
            await client.post("/events", json=sent)
            await until(lambda client=client: recorded(client, 1))
        await platform.forget(other.workspace)


async def test_one_bad_event_refuses_the_batch_and_every_bad_index_is_listed(api: Api) -> None:
    sent = [event(item_id=str(n)) for n in range(8)]
    sent[1] = event(kind="adore")
    sent[3] = event(kind="rating")
    sent[4] = event(value=3)
    sent[6] = event(kind="rating", value=5.5, colour="red")
    answer = await api.post("/events", json={"events": sent})
    assert answer.status_code == 422
    details = answer.json()["error"]["details"]
    assert {detail["index"] for detail in details} == {1, 3, 4, 6}
    assert {d["field"] for d in details if d["index"] == 6} == {
        "body.events.6.value",
        "body.events.6.colour",
    }
    await api.react("bob", x="like")
    assert await api.history("ada") == []


async def test_a_repeated_id_within_a_batch_is_refused_with_its_place(api: Api) -> None:
    sent = [event(event_id="e1"), event(event_id="e2"), event(event_id="e1", item_id="b")]
    answer = await api.post("/events", json={"events": sent})
    assert answer.status_code == 422
    (detail,) = answer.json()["error"]["details"]
    assert detail["field"] == "body.events"
    assert detail["message"].endswith("repeated at 2")


@pytest.mark.parametrize("count", [0, 1_001])
async def test_a_batch_has_1_to_1000_events(api: Api, count: int) -> None:
    answer = await api.post("/events", json={"events": [event()] * count})
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["field"] == "body.events"


async def test_a_thousand_events_with_the_longest_ids_pass(api: Api) -> None:
    """Over 1 MiB, which is the limit of every other route."""
    long = "ü" * 200
    sent = [
        event(event_id=f"{n:0200}", user_id=long, item_id=long, recommendation_id=long)
        for n in range(1_000)
    ]
    answer = await api.post("/events", json={"events": sent})
    assert answer.status_code == 200, answer.text
    assert int(answer.request.headers["content-length"]) > 1024 * 1024
    await until(lambda: recorded(api, 1, user=long))


async def recorded(api: Api, count: int, *, user: str = "ada") -> bool:
    return len(await api.history(user)) == count
