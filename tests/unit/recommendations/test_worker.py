"""The worker in this process, on a journal and an SQLite file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from services.broker import consumer
from services.recommendations import worker
from services.web import consuming
from services.web.config import PlatformSettings
from services.web.resources import Resources, open_resources

CHECK = "consumer of recommendations.interactions"


@pytest.fixture
async def resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Resources]:
    monkeypatch.setattr("services.telemetry.health.SHARED", 0.0)
    settings = PlatformSettings(
        home=tmp_path,
        database_url=f"sqlite+aiosqlite:///{tmp_path}/akin.db",
        broker_url=f"journal:///{tmp_path}/journal.db",
        cache_url="memory://",
    )
    async with open_resources(settings) as opened:
        yield opened


async def consumer_is(resources: Resources, outcome: str) -> None:
    async with asyncio.timeout(5):
        while (await resources.health.report())[1][CHECK] != outcome:
            await asyncio.sleep(0.01)


async def test_a_consumer_that_fails_is_logged_reported_and_started_anew(
    resources: Resources, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run, runs = consumer.run, 0

    async def fails_once(*arguments: Any, **options: Any) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise RuntimeError("The channel was closed.")
        await run(*arguments, **options)

    monkeypatch.setattr(consumer, "run", fails_once)
    async with worker.start(FastAPI(), resources):
        await consumer_is(resources, "failed: RuntimeError")
        await consumer_is(resources, "ok")
        assert runs == 2
    assert "The channel was closed." in caplog.text


async def test_a_batch_under_way_is_finished_when_the_worker_stops(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished = False

    async def slow(*_: Any, stop: asyncio.Event) -> None:
        nonlocal finished
        await stop.wait()
        await asyncio.sleep(0.8)  # longer than other background work is waited for
        finished = True

    monkeypatch.setattr(consumer, "run", slow)
    async with worker.start(FastAPI(), resources):
        await consumer_is(resources, "ok")
    assert finished


async def test_a_batch_that_does_not_end_is_given_up_and_gone_when_the_worker_is(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = False

    async def stuck(*_: Any, **__: Any) -> None:
        nonlocal ended
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            ended = True

    monkeypatch.setattr(consumer, "run", stuck)
    monkeypatch.setattr(consuming, "STOP_TIMEOUT", 0.05)
    async with asyncio.timeout(5), worker.start(FastAPI(), resources):
        await consumer_is(resources, "ok")
    assert ended
