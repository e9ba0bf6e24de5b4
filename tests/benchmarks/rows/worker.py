"""From the queue to PostgreSQL and Redis, against inserting the same rows directly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import asyncpg

from tests.benchmarks import lag, traffic
from tests.benchmarks.figures import Pairs, Row, in_turn, per_second
from tests.benchmarks.rows import lists
from tests.benchmarks.rows.events import BATCH, COLLECTOR, purge
from tests.benchmarks.stage import Stage, drive, metric, run

WORKER = "services.recommendations.worker"
CONSUMED = "akin_consumed_events_total"
LOOK_EVERY = 0.1  # seconds between two looks at the worker's metrics
RATE = 500  # events per second
LAG_SECONDS = 10.0  # a hundred likes that are followed, so that a p99 means something
DIRECT_ROWS = 50_000
DIRECT_BATCH = 500  # rows in one statement and transaction

SET = "SELECT set_config('akin.workspace', 'direct', true)"
INSERT = """
    INSERT INTO interactions (workspace, event_id, user_id, item_number, kind, occurred_at, recorded_at)
    SELECT 'direct', * FROM
        unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::timestamptz[], $6::timestamptz[])
    ON CONFLICT DO NOTHING"""


def measure(stage: Stage) -> list[Row]:
    """Measure the worker on messages of single events that were gathered, and of batches."""
    token = stage.token()
    return [
        _compared(stage, "worker", "that came 100 a request", traffic.events(token, BATCH), BATCH),
        _compared(stage, "worker-single", "that came one a request", traffic.interact(token), 1),
    ]


def measure_lag(stage: Stage) -> list[Row]:
    """Measure the time from an accepted event to the changed list, beside `RATE` events a second."""
    lists.workspace(stage, lists.SIZES[0])
    stage.worker()
    spec = lag.Spec(
        collector=stage.http(COLLECTOR),
        recommendations=stage.http(lists.APP),
        token=stage.token(f"bench-{lists.SIZES[0]}"),
        rate=RATE,
        seconds=max(LAG_SECONDS, stage.seconds),
    )
    found = run("tests.benchmarks.lag", asdict(spec))
    stage.stop(WORKER)
    return [
        Row(
            key="lag",
            what=f"event accepted → list changed, p99 at {RATE} events/s",
            akin=f"{1000 * found.p99:.0f} ms, p50 {1000 * found.p50:.0f} ms",
            reference="—",
            value=found.p99,
            unit="s",
            target=1.0,
            bound="at most",
        )
    ]


def _compared(stage: Stage, key: str, what: str, requests: Sequence[str], each: int) -> Row:
    drained, inserted = in_turn(
        lambda: _drain(stage, requests, each),
        lambda: asyncio.run(_insert(stage.servers.database_url)),
        stage.rounds,
    )
    pairs = Pairs(drained, inserted)
    return Row(
        key=key,
        what=f"worker: queue → PostgreSQL and Redis, events {what}",
        akin=per_second(pairs.akin),
        reference=per_second(pairs.reference),
        value=pairs.ratio,
        spread=pairs.spread,
        target=0.5,
    )


def _drain(stage: Stage, requests: Sequence[str], each: int) -> float:
    """Fill the queue through the API, then return the events per second that the worker takes from it."""
    seconds = stage.seconds if each > 1 else 3 * stage.seconds
    filled = each * drive(stage.http(COLLECTOR), requests, seconds=seconds).requests
    port = stage.worker()
    seen = [(time.monotonic(), metric(port, CONSUMED))]
    while seen[-1][1] < filled:
        time.sleep(LOOK_EVERY)
        seen.append((time.monotonic(), metric(port, CONSUMED)))
    stage.stop(WORKER)
    asyncio.run(purge(stage.servers.broker_url))
    # The last look is left out: the worker may have been idle for a part of the time before it.
    (begin, first), (end, last) = seen[0], seen[-2 if len(seen) > 2 else -1]
    return (last - first) / (end - begin)


async def _insert(url: str) -> float:
    """Return the rows per second of the quickest way to insert: asyncpg, one array a column."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    batches = [_batch(start) for start in range(0, DIRECT_ROWS, DIRECT_BATCH)]
    statement = await connection.prepare(INSERT)
    started = time.monotonic()
    for batch in batches:
        async with connection.transaction():
            await connection.execute(SET)
            await statement.fetch(*batch)
    seconds = time.monotonic() - started
    await connection.close()
    return DIRECT_ROWS / seconds


def _batch(start: int) -> list[list[object]]:
    now = datetime.now(UTC)
    moment = time.time_ns()
    numbers = range(start, start + DIRECT_BATCH)
    return [
        [f"{moment:016x}{n:016x}" for n in numbers],
        [f"user-{n * 7919 % traffic.USERS}" for n in numbers],
        [n * 104_729 % traffic.ITEMS for n in numbers],
        ["like"] * DIRECT_BATCH,
        [now] * DIRECT_BATCH,
        [now] * DIRECT_BATCH,
    ]
