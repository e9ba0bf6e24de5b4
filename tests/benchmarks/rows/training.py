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
from statistics import median

from services.cli.servers.server import free_ports
from services.security.keys import LocalKeys
from services.security.scopes import EVERY_SCOPE
from services.security.tokens import TokenSigner
from tests.benchmarks.figures import Pairs, Row, in_turn
from tests.benchmarks.seeding import seed_ratings
from tests.benchmarks.stage import ROOT, Stage

WORKSPACE = "bench-ml-1m"
ROUNDS = 1  # of a comparison: one takes most of a minute
ROW_BYTES = 20  # of a reaction in memory: user, item, weight (4 each), time (8)
FIRST_LIST = 120.0  # seconds after which the start is given up


def measure(stage: Stage) -> list[Row]:
    """Measure a whole training against LightFM's own time, and its memory."""
    seed_ratings(stage.servers.database_url, WORKSPACE)
    ours, theirs = in_turn(lambda: _train(stage, "akin"), lambda: _train(stage, "library"), ROUNDS)
    times = Pairs([each["seconds"] for each in ours], [each["seconds"] for each in theirs])
    rows = ours[0]["rows"]
    memory = max(each["bytes"] for each in ours)
    matrix = rows * ROW_BYTES
    return [
        Row(
            key="training",
            what=f"training on {rows:,.0f} ratings (size of ML-1M): load, fit, evaluate, publish",
            akin=f"{median(times.akin):.0f} s ({ours[0]['cpu']:.0f} s of processor)",
            reference=f"{median(times.reference):.0f} s ({theirs[0]['cpu']:.0f} s of processor)",
            value=times.ratio,
            target=1.5,
            bound="at most",
        ),
        Row(
            key="training-memory",
            what="the same, peak memory beyond the idle process, against the interactions in memory",
            akin=f"{memory / 1e6:.0f} MB",
            reference=f"{matrix / 1e6:.0f} MB",
            value=memory / matrix,
            target=3,
            bound="at most",
        ),
    ]


def _train(stage: Stage, side: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.training", side, WORKSPACE]
    done = subprocess.run(
        command, cwd=ROOT, env=stage.environment, stdout=subprocess.PIPE, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
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
