"""What Akin is compared with: `uvicorn tests.benchmarks.bare:app`. FastAPI at its plainest.

The POSTs validate the same bodies and do nothing; the GET answers with a list that lies ready in Redis.
All return ready bytes, which is the fastest that FastAPI can do.
"""

import os

from fastapi import FastAPI, Response
from redis.asyncio import Redis

from services.event_collector.schemas import Events, Interact

app = FastAPI()
redis: Redis = Redis.from_url(os.environ.get("AKIN_CACHE_URL", "redis://"))


@app.post("/interact")
async def interact(body: Interact) -> Response:
    """Validate one person's reactions."""
    return Response(b'{"accepted":%d}' % len(body.item_ids), media_type="application/json")


@app.post("/events")
async def events(body: Events) -> Response:
    """Validate a batch of reactions."""
    return Response(b'{"accepted":%d}' % len(body.events), media_type="application/json")


@app.get("/recs/{user_id}")
async def recs(user_id: str) -> Response:
    """Answer with the list that lies ready."""
    return Response(await redis.get(f"ready:{user_id}"), media_type="application/json")


@app.get("/ready")
async def ready() -> Response:
    """Say that it runs."""
    return Response(b"")
