"""Logs: one JSON object a line, with the request's id; plain lines where a person watches."""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar
from typing import Literal

from pythonjsonlogger.json import JsonFormatter

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)

_FIELDS = "{asctime}{levelname}{name}{message}"


class _WithRequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


def configure(*, service: str, level: str, style: Literal["json", "text"]) -> None:
    """Send the logs of this process to standard error, each line with the service's name."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_WithRequestId())
    handler.setFormatter(_formatter(service, style))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Also a matter of secrets: aiosqlite's DEBUG lines hold the values of every statement.
    for noisy in ("httpx", "httpcore", "aiormq", "aio_pika", "aiosqlite", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # uvicorn's own handlers would print every line a second time.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()


def _formatter(service: str, style: Literal["json", "text"]) -> logging.Formatter:
    if style == "text":
        return logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")
    return JsonFormatter(
        _FIELDS,
        style="{",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        static_fields={"service": service},
    )
