"""A watcher sees every promotion, and outlives every outage."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from services.model_store import AliasEntry, InvalidName, Manifest, ModelStore, watch

Publish = Callable[..., Manifest]
INTERVAL = timedelta(milliseconds=20)


def unavailable_count() -> float:
    labels = {"kind": "unavailable"}
    return REGISTRY.get_sample_value("akin_model_store_errors_total", labels) or 0


async def next_of(entries: AsyncIterator[AliasEntry]) -> AliasEntry:
    return await asyncio.wait_for(anext(entries), timeout=5)


def promote(store: ModelStore, version: str) -> AliasEntry:
    current = store.current("default", "taste")
    expected = current.generation if current else None
    return store.promote("default", "taste", version, expected=expected, reason="better")


async def test_what_is_champion_already_is_seen_at_once(
    store: ModelStore, publish: Publish
) -> None:
    entry = promote(store, publish().version)

    assert await next_of(watch(store, "default", "taste", interval=timedelta(hours=1))) == entry


async def test_a_promotion_is_seen_within_the_interval(store: ModelStore, publish: Publish) -> None:
    entries = watch(store, "default", "taste", interval=INTERVAL)
    waiting = asyncio.create_task(next_of(entries))
    await asyncio.sleep(3 * INTERVAL.total_seconds())
    assert not waiting.done()

    first = promote(store, publish(1).version)
    assert await waiting == first

    second = promote(store, publish(2).version)
    assert await next_of(entries) == second


async def test_an_unmoved_alias_is_seen_once(store: ModelStore, publish: Publish) -> None:
    promote(store, publish().version)
    entries = watch(store, "default", "taste", interval=INTERVAL)
    await next_of(entries)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(entries), timeout=5 * INTERVAL.total_seconds())


async def test_a_rollback_and_a_workspace_made_anew_are_seen(
    store: ModelStore, publish: Publish
) -> None:
    promote(store, publish(1).version)
    promote(store, publish(2).version)
    entries = watch(store, "default", "taste", interval=INTERVAL)
    await next_of(entries)

    back = store.rollback("default", "taste")
    assert await next_of(entries) == back

    store.delete_workspace("default")
    anew = promote(store, publish(1).version)
    assert await next_of(entries) == anew


@pytest.mark.parametrize("url", ["folder"], indirect=True)
async def test_an_outage_is_counted_logged_once_and_survived(
    store: ModelStore, publish: Publish, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root, aside = tmp_path / "models", tmp_path / "aside"
    promote(store, publish(1).version)
    entries = watch(store, "default", "taste", interval=INTERVAL)
    await next_of(entries)
    before = unavailable_count()

    for outage in (1, 2):
        waiting = asyncio.create_task(next_of(entries))
        root.rename(aside)
        root.write_bytes(b"a file where the folder should be")
        attempts = unavailable_count() + 3
        async with asyncio.timeout(5):
            while unavailable_count() < attempts:
                await asyncio.sleep(INTERVAL.total_seconds())
        root.unlink()
        aside.rename(root)

        entry = promote(store, publish(outage + 1).version)
        assert await waiting == entry
        warnings = [line for line in caplog.records if line.levelno == logging.WARNING]
        assert len(warnings) == outage
        assert "model store is away" in warnings[-1].getMessage()
    assert unavailable_count() >= before + 6


async def test_a_slow_store_does_not_stop_the_event_loop(
    store: ModelStore, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = promote(store, publish().version)
    read, threads = store.current, []

    def slow(*arguments: str, **options: str) -> AliasEntry | None:
        threads.append(threading.current_thread())
        time.sleep(0.3)
        return read(*arguments, **options)

    monkeypatch.setattr(store, "current", slow)
    waiting = asyncio.create_task(next_of(watch(store, "default", "taste", interval=INTERVAL)))
    ticks = 0
    while not waiting.done():
        await asyncio.sleep(0.01)
        ticks += 1

    assert ticks > 5
    assert threading.main_thread() not in threads
    assert await waiting == entry


async def test_a_name_that_is_none_is_refused_at_once(store: ModelStore) -> None:
    with pytest.raises(InvalidName):
        await next_of(watch(store, "../up", "taste", interval=INTERVAL))
