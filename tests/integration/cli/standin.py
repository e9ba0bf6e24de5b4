"""Small programs in the place of services and workers: they tell a file when they end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from services.cli.programs import Program
from services.cli.servers.server import free_ports

APP = """
import os
from pathlib import Path

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        {at_start}
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        with (Path(os.environ["AKIN_HOME"]) / "ended").open("a") as file:
            file.write("service\\n")
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    await send({{"type": "http.response.start", "status": {status}, "headers": []}})
    await send({{"type": "http.response.body", "body": b"{body}"}})
"""

WORKER = """
import os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

def end(*_):
    with (Path(os.environ["AKIN_HOME"]) / "ended").open("a") as file:
        file.write("worker\\n")
    sys.exit()

signal.signal(signal.SIGTERM, end)
HTTPServer(("127.0.0.1", int(os.environ["AKIN_STANDIN_WORKER_PORT"])), Health).serve_forever()
"""


@dataclass(frozen=True)
class Behaviour:
    """How the stand-in of a service behaves."""

    at_start: str = "pass"
    status: int = 200
    body: str = "ok"


def write_programs(folder: Path, behaviour: Behaviour = Behaviour()) -> list[Program]:
    """Write a service and a worker into `folder`, which has to be on PYTHONPATH, on free ports."""
    package = folder / "standin"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    (package / "app.py").write_text(APP.format(**vars(behaviour)))
    (package / "worker.py").write_text(WORKER)
    service, worker = free_ports(2)
    return [
        Program("some_service", "standin.app", service),
        Program("some_worker", "standin.worker", worker),
    ]
