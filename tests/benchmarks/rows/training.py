"""Training at the size of ML-1M, and the embedded process from nothing to its first list."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from statistics import median
from typing import Any

from services.cli.servers.server import free_ports
from services.security.keys import LocalKeys
from services.security.scopes import EVERY_SCOPE
from services.security.tokens import TokenSigner
from tests.benchmarks.figures import Row
from tests.benchmarks.seeding import seed_ratings
from tests.benchmarks.stage import ROOT, Stage

WORKSPACE = "bench-ml-1m"
# Seconds. Enough for every kind and most of the grids: a run, both sides, then takes some five minutes.
BUDGET = 100
ROUNDS = 1  # starts
ROW_BYTES = 20  # of a reaction in memory: user, item, weight (4 each), time (8)
FIRST_LIST = 120.0  # seconds after which the start is given up


def measure(stage: Stage) -> list[Row]:
    """Measure a whole training against the libraries' time for the same fits and scorings, and its memory."""
    seed_ratings(stage.servers.database_url, WORKSPACE)
    ours = _train(stage, "akin")
    theirs = _train(stage, "library", given=ours["jobs"])
    matrix, rows = ours["rows"] * ROW_BYTES, ours["rows"]
    fits = Counter(job["model"] for job in ours["jobs"])
    told = ", ".join(f"{count} × {name}" for name, count in fits.items())
    return [
        Row(
            key="training",
            what=f"training on {rows:,} ratings (size of ML-1M) with a budget of {BUDGET} s: read, search,"
            f" judge, fit, publish; the libraries: the same fits ({told}) and scorings",
            akin=f"{ours['seconds']:.0f} s ({ours['cpu']:.0f} s of processor)",
            reference=f"{theirs['seconds']:.0f} s ({theirs['cpu']:.0f} s of processor)",
            value=ours["seconds"] / theirs["seconds"],
            target=1.5,
            bound="at most",
        ),
        Row(
            key="training-memory",
            what="the same, peak memory beyond the idle process and the model, against the interactions in"
            " memory",
            akin=f"{ours['bytes'] / 1e6:.0f} MB, {ours['model'] / 1e6:.0f} of them the model",
            reference=f"{matrix / 1e6:.0f} MB (the libraries take {theirs['bytes'] / 1e6:.0f})",
            value=(ours["bytes"] - ours["model"]) / matrix,
            target=3,
            bound="at most",
        ),
    ]


def _train(stage: Stage, side: str, *, given: object = None) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.training", side, WORKSPACE, str(BUDGET)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=stage.environment,
        input=json.dumps(given).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure_start(stage: Stage) -> list[Row]:
    """Measure `akin run` in an empty home: demo data, first model, first list."""
    seconds = [_start(stage) for _ in range(ROUNDS)]
    return [
        Row(
            key="start",
            what="`akin run` in an empty home → first list (demo data, first model)",
            akin=f"{median(seconds):.1f} s",
            reference="—",
            value=median(seconds),
            unit="s",
            target=20,
            bound="at most",
        )
    ]


def _start(stage: Stage) -> float:
    home = stage.folder / "embedded"
    (port,) = free_ports(1)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AKIN_")}
    command = [sys.executable, "-m", "services.cli", "run", "--port", str(port)]
    log = stage.folder / "embedded.log"
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**kept, "AKIN_HOME": str(home)}, stdout=output, stderr=output
        )
    try:
        while not _has_list(port, home):
            if process.poll() is not None or time.monotonic() - started > FIRST_LIST:
                raise RuntimeError(f"It did not start:\n{log.read_text()[-3000:]}")
            time.sleep(0.05)
        return time.monotonic() - started
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
        shutil.rmtree(home, ignore_errors=True)


def _has_list(port: int, home: object) -> bool:
    """Tell whether there is a list that a model made, for somebody of the demo."""
    keys = LocalKeys(ROOT / str(home) / "keys")
    signer = TokenSigner(keys, issuer="akin", audience="akin")
    token = signer.issue(client_id="bench", workspace="default", scopes=EVERY_SCOPE)
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/recs/somebody", headers={"authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bool(json.load(answer)["item_ids"])
    except OSError:
        return False
