"""`akin run` as a newcomer meets it: demo, model, token, a like, Ctrl-C, and all of it again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from services.cli.servers.server import free_ports

START_TIMEOUT = (
    120.0  # seconds: 10 alone, the first model included; many times that on a busy machine
)
LAG_TIMEOUT = 10.0


@contextmanager
def running(home: Path, port: int) -> Iterator[tuple[httpx.Client, Path]]:
    log = home.parent / "run.log"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("AKIN_")}
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "run", "--port", str(port)],
            env={**environment, "AKIN_HOME": str(home)},
            stdout=output,
            stderr=output,
        )
        try:
            deadline = time.monotonic() + START_TIMEOUT
            while "\nTOKEN=" not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            token = re.search(r"^TOKEN=(\S+)$", log.read_text(), re.MULTILINE)
            headers = {"Authorization": f"Bearer {token[1]}"}
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
                yield client, log
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()


def test_the_demo_runs_learns_stops_at_ctrl_c_and_keeps_its_data(tmp_path: Path):
    home, (port,) = tmp_path / "home", free_ports(1)

    with running(home, port) as (client, log):
        first = client.get("/recs/you", params={"limit": 5}).json()
        liked = re.search(r'"item_ids": \["([^"]+)"\]', log.read_text())[1]
        body = {"user_id": "you", "item_ids": [liked], "actions": ["like"]}
        assert client.post("/interact", json=body).json() == {"accepted": 1}
        second = wait_for_model_list(client)
        listed = client.get("/items", params={"limit": 100}).json()["items"]
        spoken = log.read_text()

    assert len(first["item_ids"]) == 5
    assert not set(first["item_ids"]) & set(second["item_ids"])
    assert liked not in second["item_ids"]
    assert len(listed) == 100
    assert spoken.count("curl -s") == 3
    assert "Your data stays in" in log.read_text()

    with running(home, port) as (client, _):
        history = client.get("/users/you/history").json()["history"]
        third = client.get("/recs/you", params={"limit": 5}).json()

    assert [entry["item_id"] for entry in history] == [liked]
    assert not set(third["item_ids"]) & {*first["item_ids"], *second["item_ids"], liked}
    assert third["model_version"] == second["model_version"]


def wait_for_model_list(client: httpx.Client) -> dict:
    """Ask until the like has arrived: then the list comes from the model."""
    deadline = time.monotonic() + LAG_TIMEOUT
    while not client.get("/users/you/history").json()["history"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    answer = client.get("/recs/you", params={"limit": 5}).json()
    assert answer["model_version"], answer
    return answer
