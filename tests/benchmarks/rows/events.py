"""The write path: single reactions and batches against bare POSTs, metrics on against off."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from statistics import median

import aio_pika

from services.broker.topology import INTERACTIONS
from tests.benchmarks import traffic
from tests.benchmarks.figures import Pairs, Row, in_turn, milliseconds, per_second
from tests.benchmarks.load import Load
from tests.benchmarks.stage import Stage, drive

COLLECTOR = "services.event_collector.app:app"
UNMETERED = "tests.benchmarks.unmetered:app"
BARE = "tests.benchmarks.bare:app"
WARM_UP = 0.5  # seconds
BATCH = 100  # events in one request


def measure(stage: Stage) -> list[Row]:
    """Measure `POST /interact` and `POST /events`."""
    token = stage.token()
    single, bare_single = _compare(stage, COLLECTOR, BARE, traffic.interact(token))
    batch, bare_batch = _compare(stage, COLLECTOR, BARE, traffic.events(token, BATCH))
    asyncio.run(purge(stage.servers.broker_url))
    rates = Pairs([BATCH * load.rate for load in batch], [load.rate for load in single])
    return [
        _row(
            "interact", "`POST /interact`, authorised, metered, durable", single, bare_single, 0.6
        ),
        _row("events", f"`POST /events`, {BATCH} a request", batch, bare_batch, 0.35),
        Row(
            key="events-gain",
            what="events/s in batches against single events",
            akin=per_second(rates.akin),
            reference=per_second(rates.reference),
            value=median(rates.akin) / median(rates.reference),
            target=10,
        ),
    ]


def measure_metrics(stage: Stage) -> list[Row]:
    """Measure `POST /interact` with metrics on against off."""
    on, off = _compare(stage, COLLECTOR, UNMETERED, traffic.interact(stage.token()))
    asyncio.run(purge(stage.servers.broker_url))
    stage.stop(UNMETERED)
    return [_row("metrics", "metrics on against off, `POST /interact`", on, off, 0.85)]


def _compare(
    stage: Stage, one: str, other: str, requests: Sequence[str]
) -> tuple[list[Load], list[Load]]:
    sides = [partial(drive, stage.http(app), requests) for app in (one, other)]
    for side in sides:
        side(seconds=WARM_UP)
    akin, reference = (partial(side, seconds=stage.seconds) for side in sides)
    return in_turn(akin, reference, stage.rounds)


def _row(key: str, what: str, ours: list[Load], theirs: list[Load], target: float) -> Row:
    rates = Pairs([load.rate for load in ours], [load.rate for load in theirs])
    return Row(
        key=key,
        what=what,
        akin=f"{per_second(rates.akin)}, p99 {milliseconds([load.p99 for load in ours])}",
        reference=f"{per_second(rates.reference)}, p99 {milliseconds([load.p99 for load in theirs])}",
        value=rates.ratio,
        spread=rates.spread,
        target=target,
    )


async def purge(url: str) -> None:
    """Empty the queue of interactions."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        queue = await channel.get_queue(INTERACTIONS.name, ensure=False)
        await queue.purge()
