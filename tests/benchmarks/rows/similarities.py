"""Questions for similar anomalies: taken, against a bare insert and publish; and until the answer is there."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

import aio_pika
import asyncpg

from services.broker.topology import REQUESTS
from tests.benchmarks import answers, traffic
from tests.benchmarks.bare_requests import QUEUE
from tests.benchmarks.figures import Pairs, Row, in_turn, milliseconds, per_second
from tests.benchmarks.stage import Stage, drive, run

APP = "services.anomaly_similarity.app:app"
BARE = "tests.benchmarks.bare_requests:app"
WORKSPACE = "bench-anomalies"
ANOMALIES = 5_000
RATE = 50  # questions per second
SECONDS = 20.0  # a thousand questions, so that a p99 means something
WARM_UP = 0.5  # seconds

# Five words of two hundred, the low numbers more often: as short texts of one plant.
SEED = """
    INSERT INTO anomalies (workspace, anomaly_id, description, severity, occurred_at, solution, outcome,
                           attributes, folded, deleted, written_at, revision)
    SELECT $1, 'wo-' || n,
           (SELECT string_agg('word' || floor(200 * ((hashint8extended(n, k) & 2147483647)
                   / 2147483648.0) ^ 2)::int, ' ') FROM generate_series(1, 5) k),
           'high', now() - make_interval(hours => n), 'fix' || n % 50, 'solved', '{}', '', false, now(), 1
    FROM generate_series(1, $2::int) n"""
STATE = "INSERT INTO anomaly_corpora (workspace, epoch, revision, vocabulary) VALUES ($1, 0, 1, 0)"


def measure(stage: Stage) -> list[Row]:
    """Measure `POST /similarities`, and the time until the answer is there."""
    asyncio.run(_seed(stage.servers.database_url))
    token = stage.token(WORKSPACE)
    taken = _taken(stage, _requests(token))
    asyncio.run(_forget(stage))
    return [taken, _answered(stage, token)]


def _taken(stage: Stage, requests: Sequence[str]) -> Row:
    sides = [partial(drive, stage.http(app), requests) for app in (APP, BARE)]
    for side in sides:
        side(seconds=WARM_UP)
    ours, theirs = in_turn(*(partial(side, seconds=stage.seconds) for side in sides), stage.rounds)
    stage.stop(BARE)
    rates = Pairs([load.rate for load in ours], [load.rate for load in theirs])
    return Row(
        key="similarities",
        what="`POST /similarities`, authorised, metered, durable, against a bare insert and publish",
        akin=f"{per_second(rates.akin)}, p99 {milliseconds([load.p99 for load in ours])}",
        reference=f"{per_second(rates.reference)}, p99 {milliseconds([load.p99 for load in theirs])}",
        value=rates.ratio,
        spread=rates.spread,
        target=0.5,
    )


def _answered(stage: Stage, token: str) -> Row:
    stage.worker("anomaly_similarity")
    port = stage.http(APP)
    run("tests.benchmarks.answers", asdict(answers.Spec(port, _bodies(), token, RATE, 2.0)))
    found = run(
        "tests.benchmarks.answers", asdict(answers.Spec(port, _bodies(), token, RATE, SECONDS))
    )
    stage.stop("services.anomaly_similarity.worker")
    return Row(
        key="answers",
        what=f"question → answer at the client, {ANOMALIES:,} anomalies, p99 at {RATE} questions/s",
        akin=f"{1000 * found.p99:.0f} ms, p50 {1000 * found.p50:.0f} ms",
        reference="—",
        value=found.p99,
        unit="s",
        target=1.0,
        bound="at most",
    )


def _bodies() -> list[dict[str, str]]:
    chance = random.Random(4)
    return [{"anomaly_id": f"wo-{n}"} for n in chance.sample(range(1, ANOMALIES + 1), 2_000)]


def _requests(token: str) -> list[str]:
    return [traffic.post("/similarities", body, token) for body in _bodies()]


async def _seed(url: str) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute("SELECT set_config('akin.workspace', '*', false)")
    await connection.execute(SEED, WORKSPACE, ANOMALIES)
    await connection.execute(STATE, WORKSPACE)
    await connection.execute("ANALYZE anomalies")
    await connection.close()


async def _forget(stage: Stage) -> None:
    """Leave nothing of the first row to the worker of the second."""
    async with await aio_pika.connect(stage.servers.broker_url) as connection:
        channel = await connection.channel()
        for name in (REQUESTS.name, QUEUE):
            await (await channel.get_queue(name, ensure=False)).purge()
    connection = await asyncpg.connect(stage.servers.database_url.replace("+asyncpg", ""))
    await connection.execute("SELECT set_config('akin.workspace', '*', false)")
    for table in ("similarity_requests", "anomaly_outbox"):
        await connection.execute(f"DELETE FROM {table}")
    await connection.close()
