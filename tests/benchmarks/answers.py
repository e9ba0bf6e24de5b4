"""How long a question takes until its answer is at the client: `python -m tests.benchmarks.answers`.

Questions come at a steady rate; each client then waits with `GET /similarities?wait=30`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from time import perf_counter

import uvloop

from tests.benchmarks import traffic
from tests.benchmarks.lag import Caller
from tests.benchmarks.load import summary

CONNECTIONS = 100  # each waits for one answer


@dataclass(frozen=True)
class Spec:
    """`rate` of these questions a second, for `seconds`."""

    port: int
    bodies: Sequence[dict[str, str]]
    token: str
    rate: float
    seconds: float


async def measure(spec: Spec) -> list[float]:
    """Return the seconds from each question to its answer."""
    caller = Caller()
    await caller.open(spec.port, CONNECTIONS)
    started, tasks = perf_counter(), []
    for number in range(int(spec.rate * spec.seconds)):
        await asyncio.sleep(max(0.0, started + number / spec.rate - perf_counter()))
        body = spec.bodies[number % len(spec.bodies)]
        tasks.append(asyncio.create_task(_asked(caller, body, spec.token)))
    return list(await asyncio.gather(*tasks))


async def _asked(caller: Caller, body: dict[str, str], token: str) -> float:
    began = perf_counter()
    accepted = json.loads(await caller.ask(traffic.post("/similarities", body, token)))
    query = f"task_result_id={accepted['task_result_id']}&wait=30"
    answer = json.loads(await caller.ask(traffic.get(f"/similarities?{query}", token)))
    if answer["status"] != "done":
        raise RuntimeError(f"Not answered: {answer}")
    return perf_counter() - began


def main() -> None:
    """Read the spec, measure, write the result."""
    spec = Spec(**json.load(sys.stdin))
    found = uvloop.run(measure(spec))
    json.dump(asdict(summary(found, Counter({200: len(found)}), spec.seconds)), sys.stdout)


if __name__ == "__main__":
    main()
