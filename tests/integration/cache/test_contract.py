"""One contract, on fakeredis inside the process and on Redis."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from services import cache
from services.away import Away
from services.cache import Cache, Telling, scripts


@pytest.fixture(params=["memory", "redis"])
async def opened(request: pytest.FixtureRequest) -> AsyncIterator[Cache]:
    url = "memory://" if request.param == "memory" else request.getfixturevalue("redis_url")
    async with cache.connect(url) as connected:
        yield connected


@pytest.fixture
async def key(opened: Cache) -> AsyncIterator[str]:
    """A key of the test's own, and the beginning of others; all are deleted afterwards."""
    key = f"akin:test-{uuid.uuid4().hex}:k"
    yield key
    await opened.delete_prefix(key)


async def set_to(opened: Cache, key: str, value: bytes) -> None:
    async def load() -> bytes:
        return value

    assert await opened.rebuild(key, load) == value


async def value_of(opened: Cache, key: str) -> bytes | None:
    return (await opened.read(key))[0]


async def test_what_was_rebuilt_is_read_and_what_was_not_is_none(opened: Cache, key: str) -> None:
    await set_to(opened, key, b"a\x00\xff")
    assert await opened.read(f"{key}1", key, f"{key}2") == [None, b"a\x00\xff", None]
    assert await opened.read(key, key) == [b"a\x00\xff"] * 2


async def test_concurrent_reads_get_their_own_values(opened: Cache, key: str) -> None:
    keys = [f"{key}{n}" for n in range(500)]
    await asyncio.gather(*(set_to(opened, k, k.encode()) for k in keys[::2]))
    found = await asyncio.gather(*(opened.read(k, key) for k in keys))
    for place, (name, values) in enumerate(zip(keys, found, strict=True)):
        assert values == [None if place % 2 else name.encode(), None]


async def test_what_is_kept_leaves_the_memory_after_its_lifetime(opened: Cache, key: str) -> None:
    async def load() -> bytes:
        return b"x"

    await opened.rebuild(key, load, lifetime=timedelta(seconds=100))
    assert 90 < await opened.client.ttl(key) <= 100
    await opened.append_many({key: b"y"})
    assert 90 < await opened.client.ttl(key) <= 100


async def test_appending_extends_what_is_there(opened: Cache, key: str) -> None:
    await set_to(opened, key, b"a")
    await opened.append_many({key: b"bc"})
    await opened.append_many({key: b"d"})
    assert await value_of(opened, key) == b"abcd"


async def test_appending_to_nothing_leaves_nothing(opened: Cache, key: str) -> None:
    await set_to(opened, f"{key}1", b"a")
    await opened.append_many({key: b"x", f"{key}1": b"b"})
    assert await opened.read(key, f"{key}1") == [None, b"ab"]


async def test_appending_to_very_many_values_reaches_each(opened: Cache, key: str) -> None:
    names = [f"{key}{n}" for n in range(1_500)]
    for name in names[::3]:
        await set_to(opened, name, b"a")
    await opened.append_many({name: name.encode() for name in names})
    found = await opened.read(*names)
    for place, (name, value) in enumerate(zip(names, found, strict=True)):
        assert value == (None if place % 3 else b"a" + name.encode())


async def test_concurrent_appends_lose_nothing(opened: Cache, key: str) -> None:
    await set_to(opened, key, b"-")
    pieces = [f"{n:04}".encode() for n in range(300)]
    await asyncio.gather(*(opened.append_many({key: piece}) for piece in pieces))
    value = await value_of(opened, key)
    assert value is not None
    assert sorted(value[1 + i : 5 + i] for i in range(0, 1_200, 4)) == pieces


@pytest.mark.parametrize("was", [None, b"old"])
@pytest.mark.parametrize("what", ["append", "delete", "rebuild"])
async def test_a_rebuild_is_abandoned_when_somebody_writes_meanwhile(
    opened: Cache, key: str, was: bytes | None, what: str
) -> None:
    """What was read before the other's commit must not be kept after it."""
    if was is not None:
        await set_to(opened, key, was)

    async def load() -> bytes:
        if what == "append":
            await opened.append_many({key: b"!"})
        elif what == "delete":
            await opened.delete(key)
        else:
            await set_to(opened, key, b"newer")
        return b"stale"

    assert await opened.rebuild(key, load) == b"stale"
    kept = {"append": was and was + b"!", "delete": None, "rebuild": b"newer"}[what]
    assert await value_of(opened, key) == kept


async def test_one_of_many_concurrent_rebuilds_is_kept(opened: Cache, key: str) -> None:
    async def load() -> bytes:
        await asyncio.sleep(0)
        return b"value"

    results = await asyncio.gather(*(opened.rebuild(key, load) for _ in range(20)))
    assert set(results) == {b"value"}
    assert await value_of(opened, key) == b"value"


async def test_a_rebuild_that_fails_keeps_nothing(opened: Cache, key: str) -> None:
    async def load() -> bytes:
        raise ValueError("No value.")

    with pytest.raises(ValueError, match="No value"):
        await opened.rebuild(key, load)
    assert await value_of(opened, key) is None


async def told(opened: Cache, stream: str, *, after: str = "0") -> list[tuple[bytes, bytes]]:
    entries = await opened.told(stream, after=after, count=1_000)
    return [pair for _, fields in entries for pair in fields.items()]


async def test_a_stream_is_told_what_is_appended_and_what_stood_there_before(
    opened: Cache, key: str
) -> None:
    telling = Telling(f"{key}:s", "field", before=3, old=b"<", new=b">")
    await set_to(opened, f"{key}1", b"a")
    await opened.append_many({f"{key}1": b"bc"}, telling=telling)
    await opened.append_many({f"{key}1": b"de", f"{key}2": b"x"}, telling=telling)
    await opened.append_many({f"{key}1": b"f"}, telling=telling)
    assert await value_of(opened, f"{key}1") == b"abcdef"
    assert await value_of(opened, f"{key}2") is None
    entries = [(b"field", b"<a>bc"), (b"field", b"<abc>de<>x"), (b"field", b"<cde>f")]
    assert await told(opened, telling.stream) == entries


async def test_a_stream_is_read_from_where_one_was(opened: Cache, key: str) -> None:
    telling = Telling(f"{key}:s", "f")
    for piece in (b"1", b"2", b"3"):
        await opened.append_many({key: piece}, telling=telling)
    [(first, _), (second, _)] = await opened.told(telling.stream, after="0", count=2)
    assert await told(opened, telling.stream, after=first) == [(b"f", b"2"), (b"f", b"3")]
    assert await told(opened, telling.stream, after=second) == [(b"f", b"3")]
    assert await opened.told(f"{key}:nothing", after="0", count=9) == []


async def test_a_stream_is_bounded_in_entries_in_their_bytes_and_in_time(
    opened: Cache, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripts, "ENTRIES", 200)
    monkeypatch.setattr(scripts, "ENTRY_BYTES", 64)
    telling = Telling(f"{key}:s", "f")
    for _ in range(10):
        await opened.append_many(
            {f"{key}{n}": b"%64d" % n if n else bytes(640) for n in range(100)}, telling=telling
        )
    entries = await opened.told(telling.stream, after="0", count=2_000)
    assert 200 <= len(entries) <= 300  # what is trimmed is whole nodes, of 100 entries at most
    assert max(len(fields[b"f"]) for _, fields in entries) <= 2 * 64
    assert 0 < await opened.client.ttl(telling.stream) <= 7 * 24 * 3600


class OtherAway(Away):
    """As what the database says when it is away."""


async def test_what_the_loader_says_is_away_is_not_redis(opened: Cache, key: str) -> None:
    async def load() -> bytes:
        raise OtherAway("The database is away.")

    async def load_counts() -> dict[int, int]:
        raise OtherAway("The database is away.")

    with pytest.raises(OtherAway):
        await opened.rebuild(key, load)
    with pytest.raises(OtherAway):
        await opened.counts(key, load_counts)
    assert await opened.read(key) == [None]


async def counts_of(
    opened: Cache, key: str, loaded: dict[int, int] | None = None
) -> dict[int, int]:
    async def load() -> dict[int, int]:
        assert loaded is not None, "The counters are there: nothing to load."
        return loaded

    return await opened.counts(key, load)


async def test_counters_are_loaded_once_and_then_counted(opened: Cache, key: str) -> None:
    assert await opened.stamp(key) is None
    assert await counts_of(opened, key, {1: 5, 7: 2}) == {1: 5, 7: 2}
    stamp = await opened.stamp(key)
    await opened.count(key, {1: 2, 3: 1}, stamp=stamp)
    await opened.count(key, {}, stamp=stamp)
    assert await counts_of(opened, key) == {1: 7, 7: 2, 3: 1}


async def test_counters_of_nothing_are_counters_too(opened: Cache, key: str) -> None:
    assert await counts_of(opened, key, {}) == {}
    assert await counts_of(opened, key) == {}


async def test_counting_what_was_never_loaded_leaves_nothing(opened: Cache, key: str) -> None:
    await opened.count(key, {1: 1}, stamp=None)
    assert await counts_of(opened, key, {1: 9}) == {1: 9}


async def test_counting_into_counters_built_since_forgets_them(opened: Cache, key: str) -> None:
    """They may hold what is to be counted already: whoever built them read after the commit."""
    await counts_of(opened, key, {1: 1})
    before = await opened.stamp(key)
    await opened.delete(key)
    await counts_of(opened, key, {1: 2})
    assert await opened.stamp(key) != before
    await opened.count(key, {1: 1}, stamp=before)
    assert await counts_of(opened, key, {1: 2}) == {1: 2}


async def test_counters_that_were_counted_into_while_they_were_built_are_not_kept(
    opened: Cache, key: str
) -> None:
    async def load() -> dict[int, int]:
        await opened.count(key, {1: 1}, stamp=None)
        return {1: 8}

    assert await opened.counts(key, load) == {1: 8}
    assert await counts_of(opened, key, {1: 9}) == {1: 9}


async def test_deleting_takes_the_named_keys_only(opened: Cache, key: str) -> None:
    for name in ("1", "2", "3"):
        await set_to(opened, key + name, b"x")
    await opened.delete()
    await opened.delete(f"{key}1", f"{key}3", f"{key}4")
    assert await opened.read(f"{key}1", f"{key}2", f"{key}3") == [None, b"x", None]


async def test_deleting_a_prefix_takes_all_that_begins_with_it(opened: Cache, key: str) -> None:
    names = [f"{key}:a:{n}" for n in range(2_500)]
    kept = f"{key}:ab"
    for start in range(0, len(names), 500):
        part = names[start : start + 500]
        await asyncio.gather(*(set_to(opened, name, b"x") for name in part))
    await set_to(opened, kept, b"x")
    await opened.delete_prefix(f"{key}:a:")
    assert await opened.read(names[0], names[-1], kept) == [None, None, b"x"]
    assert [name async for name in opened.client.scan_iter(match=f"{key}*")] == [kept.encode()]


async def test_answers_a_check(opened: Cache) -> None:
    await opened.check()
