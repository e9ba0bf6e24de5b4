"""`make bench`: measure everything and write docs/benchmarks.md; `--only interact,recs` for a part."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.benchmarks.figures import Row
from tests.benchmarks.notes import NOTES
from tests.benchmarks.page import machine, page
from tests.benchmarks.rows import events, lists, similarities, training, worker
from tests.benchmarks.stage import ROOT, Stage, open_stage

PAGE = ROOT / "docs" / "benchmarks.md"
SECONDS = 3.0  # of one measurement
ROUNDS = 4  # of a comparison

MEASUREMENTS: Mapping[str, Callable[[Stage], list[Row]]] = {
    "interact": events.measure,
    "metrics": events.measure_metrics,
    "worker": worker.measure,
    "lag": worker.measure_lag,
    "recs": lists.measure,
    "growth": lists.measure_growth,
    "similarities": similarities.measure,
    "training": training.measure,
    "start": training.measure_start,
}


def main() -> None:
    """Measure, print, and after a full run write the page."""
    arguments = _arguments()
    names = arguments.only.split(",") if arguments.only else list(MEASUREMENTS)
    folder = Path(tempfile.mkdtemp(prefix="akin-bench-"))
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own
    try:
        with open_stage(folder, seconds=arguments.seconds, rounds=arguments.rounds) as stage:
            rows = [row for name in names for row in _measured(name, stage)]
            about = machine(stage.servers, " ".join(["python -m tests.benchmarks", *sys.argv[1:]]))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not arguments.only:
        PAGE.write_text(page(rows, machine=about, notes=NOTES))
        print(f"Written: {PAGE.relative_to(ROOT)}")


def _measured(name: str, stage: Stage) -> Sequence[Row]:
    started = time.monotonic()
    rows = MEASUREMENTS[name](stage)
    for row in rows:
        _print(row)
    print(f"  ({name}: {time.monotonic() - started:.0f} s)", flush=True)
    return rows


def _print(row: Row) -> None:
    verdict = {True: "yes", False: "NO", None: ""}[row.reached]
    target = "" if row.target is None else f"{row.bound} {row.target:g}"
    figure = (
        f"{row.value:.2f} {row.unit} ({row.spread})"
        if row.spread
        else f"{row.value:.2f} {row.unit}"
    )
    print(" | ".join([row.what, row.akin, row.reference, figure, target, verdict]), flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--only", help=f"some of {', '.join(MEASUREMENTS)}; writes no page")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of one measurement")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of a comparison")
    return parser.parse_args()


if __name__ == "__main__":
    main()
