"""`GET /recs/{user}`: against one Redis GET of a ready list, and how it grows with the catalogue."""

from __future__ import annotations

import urllib.request
from functools import partial

from redis import Redis

from tests.benchmarks import traffic
from tests.benchmarks.figures import Pairs, Row, in_turn, milliseconds, per_second
from tests.benchmarks.load import Load
from tests.benchmarks.rows.events import BARE, WARM_UP
from tests.benchmarks.seeding import seed
from tests.benchmarks.stage import Stage, drive

APP = "services.recommendations.app:app"
SIZES = (10_000, 100_000, 1_000_000)
GROWTH = {100_000: 3.0, 1_000_000: 8.0}  # most times the latency at the smallest size
FIRST_LIST = 180.0  # seconds; the first request of a workspace loads it


def measure(stage: Stage) -> list[Row]:
    """Measure lists of 10,000 items against lists that lie ready."""
    requests = workspace(stage, SIZES[0])
    users = [request.split()[1].removeprefix("/recs/") for request in requests]
    _lay_ready(stage, users)
    akin = partial(drive, stage.http(APP), requests)
    ready = partial(drive, stage.http(BARE), requests)
    for side in (akin, ready):
        side(seconds=WARM_UP)
    both = in_turn(
        partial(akin, seconds=stage.seconds), partial(ready, seconds=stage.seconds), stage.rounds
    )
    rates = Pairs(*([load.rate for load in side] for side in both))
    tails = Pairs(*([load.p99 for load in side] for side in both))
    what = "`GET /recs/{user}`, 10,000 items, authorised, personal, filtered for shown"
    return [
        Row(
            key="recs",
            what=what,
            akin=per_second(rates.akin),
            reference=per_second(rates.reference),
            value=rates.ratio,
            spread=rates.spread,
            target=0.7,
        ),
        Row(
            key="recs-p99",
            what="the same, p99",
            akin=milliseconds(tails.akin),
            reference=milliseconds(tails.reference),
            value=tails.ratio,
            spread=tails.spread,
            target=1.0,
            bound="at most",
        ),
    ]


def measure_growth(stage: Stage) -> list[Row]:
    """Measure the latency of lists at every size of the catalogue, for one user at a time and for 32."""
    port = stage.http(APP)
    requests = {size: workspace(stage, size) for size in SIZES}
    rows = []
    for connections in (1, 32):
        found: dict[int, list[Load]] = {size: [] for size in SIZES}
        for _ in range(stage.rounds):
            for size in SIZES:
                given = partial(drive, port, requests[size], connections=connections)
                found[size].append(given(seconds=stage.seconds / 2))
        rows += [_growth(found, size, connections) for size in SIZES[1:]]
    return rows


def _growth(found: dict[int, list[Load]], size: int, connections: int) -> Row:
    smallest = [load.p50 for load in found[SIZES[0]]]
    pairs = Pairs([load.p50 for load in found[size]], smallest)
    one = connections == 1
    return Row(
        key=f"recs-{size}" if one else f"recs-{size}-{connections}",
        what=f"`GET /recs/{{user}}`, {size:,} items against {SIZES[0]:,}, p50, "
        + ("one user at a time" if one else f"{connections} at a time"),
        akin=f"{milliseconds(pairs.akin)}, p99 {milliseconds([load.p99 for load in found[size]])}",
        reference=f"{milliseconds(smallest)}, p99 {milliseconds([load.p99 for load in found[SIZES[0]]])}",
        value=pairs.ratio,
        spread=pairs.spread,
        target=GROWTH[size],
        bound="at most",
    )


def workspace(stage: Stage, items: int) -> list[str]:
    """Return requests for the lists of a workspace of this size; it is made and loaded at the first call."""
    name = f"bench-{items}"
    if name not in stage.workspaces:
        stage.workspaces[name] = seed(
            stage.servers.database_url, f"file://{stage.folder}/models", name, items
        )
        _first_list(stage.http(APP), stage.token(name))
        # Everybody has seen a list, and is in the cache: what is measured is the daily life.
        drive(stage.http(APP), _requests(stage, name), seconds=FIRST_LIST, once=True)
    return _requests(stage, name)


def _requests(stage: Stage, name: str) -> list[str]:
    return traffic.recs(stage.token(name), stage.workspaces[name])


def _first_list(port: int, token: str) -> bytes:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/recs/somebody", headers={"authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request, timeout=FIRST_LIST) as answer:
        body: bytes = answer.read()
        return body


def _lay_ready(stage: Stage, users: list[str]) -> None:
    body = _first_list(stage.http(APP), stage.token(f"bench-{SIZES[0]}"))
    with Redis.from_url(stage.servers.cache_url) as redis:
        redis.mset({f"ready:{user}": body for user in users})
