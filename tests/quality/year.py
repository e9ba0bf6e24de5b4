"""A simulated year: `python -m tests.quality.year`; `--days 20 --users 60 --items 500 --visits 8` for seconds."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.quality.year_akin import open_akin
from tests.quality.year_figures import figures
from tests.quality.year_log import Log, Policy, simulate
from tests.quality.year_page import PICTURE, section
from tests.quality.year_plot import draw
from tests.quality.year_policies import Chance, DailyLightFM, Popular
from tests.quality.year_world import World, make_world

DOCS = Path(__file__).parents[2] / "docs"
DAYS, USERS, ITEMS, VISITS = 365, 5_000, 24_000, 60
TRAIN_EVERY = 7  # days: what two cores have time for; the baseline learns every day all the same
SIMPLE: Mapping[str, Callable[[World], Policy]] = {
    "random": Chance,
    "popular": Popular,
    "lightfm": DailyLightFM,
}


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the year, print its figures, draw it, and return the figures (`year_page.section` tells them)."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _options(given)
    started = time.perf_counter()
    world = make_world(
        days=options.days,
        users=options.users,
        items=options.items,
        visits=options.visits,
        seed=options.seed,
    )
    logs = [_run(world, name, options.train_every) for name in options.policies.split(",")]
    found = figures(world, logs) | {
        "command": " ".join(["python -m tests.quality.year", *given]),
        "training_every": options.train_every,
        "minutes": (time.perf_counter() - started) / 60,
    }
    print(section(found))
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "quality-year.json").write_text(json.dumps(found, indent=1) + "\n")
        draw(found, [options.out / PICTURE, *(options.out / name for name in options.also)])
    return found


def _run(world: World, name: str, every: int) -> Log:
    started = time.perf_counter()
    log = asyncio.run(_simulate(world, name, every))
    precision = sum(log.likes) / len(log.likes)
    seconds = time.perf_counter() - started
    print(f"{log.policy}: precision {precision:.3f}, {seconds:.0f} s", file=sys.stderr, flush=True)
    return log


async def _simulate(world: World, name: str, every: int) -> Log:
    async with _policy(world, name, every) as policy:
        return await simulate(world, policy)


@asynccontextmanager
async def _policy(world: World, name: str, every: int) -> AsyncIterator[Policy]:
    if name in SIMPLE:
        yield SIMPLE[name](world)
        return
    with tempfile.TemporaryDirectory(prefix="akin-year-") as folder:
        async with open_akin(world, Path(folder), every=every) as akin:
            yield akin


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.quality.year", description=__doc__)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--users", type=int, default=USERS, help="who come at some time")
    parser.add_argument("--items", type=int, default=ITEMS, help="that are there at some time")
    parser.add_argument("--visits", type=int, default=VISITS, help="on a day")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--train-every", type=int, default=TRAIN_EVERY, help="days, of Akin")
    parser.add_argument("--policies", default="random,popular,lightfm,akin")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of the JSON and the picture")
    parser.add_argument("--also", nargs="*", default=(), help="more pictures, such as year.png")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
