from __future__ import annotations

import asyncio
import time

import pytest

from services.telemetry import health
from services.telemetry.health import Health


async def fine() -> None:
    return


async def broken() -> None:
    raise ConnectionError("postgresql://akin:secret@db")


async def frozen() -> None:
    await asyncio.sleep(60)


async def test_what_depends_on_nothing_is_healthy() -> None:
    assert await Health().report() == (True, {})


async def test_all_that_answers_is_ok() -> None:
    found = Health()
    found.add("database", fine)
    found.add("cache", fine)
    assert await found.report() == (True, {"database": "ok", "cache": "ok"})


async def test_names_what_fails_without_its_words() -> None:
    found = Health()
    found.add("cache", fine)
    found.add("database", broken)
    healthy, checks = await found.report()
    assert not healthy
    assert checks == {"cache": "ok", "database": "failed: ConnectionError"}


async def test_what_does_not_answer_is_given_up_and_the_checks_run_side_by_side(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "CHECK_TIMEOUT", 0.05)
    found = Health()
    for name in ("broker", "cache", "database"):
        found.add(name, frozen)
    started = time.monotonic()
    healthy, checks = await found.report()
    assert not healthy
    assert set(checks.values()) == {"no answer within 0.05 s"}
    assert time.monotonic() - started < 1


async def test_a_dependency_is_asked_once_a_moment_however_many_want_to_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "SHARED", 0.2)
    asked = 0

    async def counted() -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.01)
        if asked > 1:
            raise ConnectionError

    found = Health()
    found.add("database", counted)
    reports = await asyncio.gather(*(found.report(readiness=n % 2 == 0) for n in range(50)))
    assert reports == [(True, {"database": "ok"})] * 50
    assert asked == 1
    await asyncio.sleep(0.25)
    assert await found.report() == (False, {"database": "failed: ConnectionError"})


async def test_readiness_asks_for_more_than_life() -> None:
    found = Health()
    found.add("database", fine)
    found.add_readiness("schema", broken)
    assert await found.report() == (True, {"database": "ok"})
    healthy, checks = await found.report(readiness=True)
    assert not healthy
    assert checks == {"database": "ok", "schema": "failed: ConnectionError"}
