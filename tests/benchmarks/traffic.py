"""The request bytes of the benchmarks, made beforehand: the same for Akin and for its references."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence

USERS = 5_000
ITEMS = 10_000
VARIANTS = 2_000  # different single events
BATCHES = 100  # different batches


def post(path: str, body: object, token: str) -> str:
    """Return a POST with a JSON body."""
    text = json.dumps(body, separators=(",", ":"))
    return (
        f"POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n{text}"
    )


def get(path: str, token: str) -> str:
    """Return a GET."""
    return f"GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\r\n"


def interact(token: str) -> list[str]:
    """Return single likes and dislikes, each by another user."""
    chance = random.Random(1)
    return [
        post(
            "/interact",
            {
                "user_id": f"user-{user}",
                "item_ids": [f"item-{chance.randrange(ITEMS)}"],
                "actions": [chance.choice(["like", "dislike"])],
            },
            token,
        )
        for user in chance.sample(range(USERS), VARIANTS)
    ]


def events(token: str, size: int = 100) -> list[str]:
    """Return batches of reactions of any kind."""
    chance = random.Random(2)
    return [
        post("/events", {"events": [_event(chance) for _ in range(size)]}, token)
        for _ in range(BATCHES)
    ]


def _event(chance: random.Random) -> dict[str, object]:
    event: dict[str, object] = {
        "user_id": f"user-{chance.randrange(USERS)}",
        "item_id": f"item-{chance.randrange(ITEMS)}",
        "kind": chance.choice(["like", "dislike", "view", "rating"]),
    }
    if event["kind"] == "rating":
        event["value"] = chance.randrange(1, 11) / 2
    return event


def recs(token: str, users: Sequence[str]) -> list[str]:
    """Return one request for a list per user."""
    return [get(f"/recs/{user}", token) for user in users]
