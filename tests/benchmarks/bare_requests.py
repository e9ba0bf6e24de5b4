"""What `POST /similarities` is compared with: `uvicorn tests.benchmarks.bare_requests:app`.

A bare FastAPI route that validates the same body, inserts one row and publishes one message, each durable
before the answer.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aio_pika
import asyncpg
import orjson
from fastapi import FastAPI, Response

from services.anomaly_similarity.answer_schemas import Ask

QUEUE = "bench.requests"
TABLE = """
    CREATE TABLE IF NOT EXISTS bare_requests (
        id text PRIMARY KEY, anomaly_id text, user_name text, question text, requested_at timestamptz)"""
INSERT = "INSERT INTO bare_requests VALUES ($1, $2, $3, $4, $5)"

held: dict[str, Any] = {}


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Connect to both."""
    url = os.environ["AKIN_DATABASE_URL"].replace("+asyncpg", "")
    async with (
        asyncpg.create_pool(url, min_size=10, max_size=10) as pool,
        await aio_pika.connect(os.environ["AKIN_BROKER_URL"]) as connection,
    ):
        await pool.execute(TABLE)
        channel = await connection.channel()
        await channel.declare_queue(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        held.update(pool=pool, exchange=channel.default_exchange)
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/similarities", status_code=202)
async def ask(body: Ask) -> Response:
    """Insert, publish, answer."""
    identifier = uuid4().hex
    question = body.model_dump_json()
    now = datetime.now(UTC)
    await held["pool"].execute(INSERT, identifier, body.anomaly_id, body.user_name, question, now)
    message = aio_pika.Message(
        orjson.dumps({"task_result_id": identifier}),
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    await held["exchange"].publish(message, QUEUE)
    told = {"task_result_id": identifier, "user_name": body.user_name}
    return Response(orjson.dumps(told), 202, media_type="application/json")


@app.get("/ready")
async def ready() -> Response:
    """Say that it runs."""
    return Response(b"")
