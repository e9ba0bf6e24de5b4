import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from services import cache
from services.cache import Cache, CacheUnavailable
from services.security import Client, Revocations, RevokedToken, follow, revocations


@pytest.fixture
async def shared() -> AsyncIterator[Cache]:
    async with cache.connect("memory://") as opened:
        await opened.client.flushall()
        yield opened


def _client(*, client_id: str = "c-1", jti: str = "t-1", expires_in: float = 60) -> Client:
    return Client(
        client_id=client_id,
        workspace="default",
        scopes=frozenset(),
        jti=jti,
        expires_at=time.time() + expires_in,
    )


async def test_a_revoked_token_is_refused_and_its_siblings_are_not(shared: Cache):
    client, sibling = _client(), _client(jti="t-2")
    await revocations.publish(shared, {client.jti: client.expires_at})
    known = Revocations(shared)
    await known.refresh()

    with pytest.raises(RevokedToken):
        known.check(client)
    known.check(sibling)


async def test_a_revoked_client_loses_every_token_issued_before(shared: Cache):
    lifetime = 60.0
    before = [_client(jti=f"t-{n}", expires_in=lifetime - n) for n in range(3)]
    await revocations.publish(shared, {"c-1": time.time() + lifetime})
    await asyncio.sleep(0.01)
    after = _client(jti="t-9", expires_in=lifetime)
    known = Revocations(shared)
    await known.refresh()

    for client in before:
        with pytest.raises(RevokedToken):
            known.check(client)
    known.check(after)
    known.check(_client(client_id="c-2"))


async def test_a_later_shorter_revocation_does_not_weaken_an_earlier_one(shared: Cache):
    client = _client(expires_in=60)
    await revocations.publish(shared, {"c-1": client.expires_at})
    await revocations.publish(shared, {"c-1": client.expires_at - 30})
    known = Revocations(shared)
    await known.refresh()

    with pytest.raises(RevokedToken):
        known.check(client)


async def test_what_has_expired_leaves_the_set(shared: Cache):
    await revocations.publish(shared, {"old": time.time() - 1, "new": time.time() + 60})
    await revocations.publish(shared, {})

    assert await shared.client.zrange(revocations.REVOKED, 0, -1) == [b"new"]


async def test_without_news_the_set_is_not_read_again(shared: Cache):
    known = Revocations(shared)
    client = _client()
    await revocations.publish(shared, {client.jti: client.expires_at})
    await known.refresh()
    await shared.client.delete(revocations.REVOKED)  # the mark has not changed
    await known.refresh()

    with pytest.raises(RevokedToken):
        known.check(client)


async def test_an_emptied_redis_does_not_bring_revoked_tokens_back(shared: Cache):
    client = _client()
    await revocations.publish(shared, {client.jti: client.expires_at})
    known = Revocations(shared)
    await known.refresh()
    assert await revocations.is_published(shared)

    await shared.client.flushall()
    await known.refresh()

    assert not await revocations.is_published(shared)
    with pytest.raises(RevokedToken):
        known.check(client)


async def test_while_redis_is_away_the_last_state_holds_and_ages():
    async with cache.connect("redis://127.0.0.1:1") as away:
        known = Revocations(away)
        known._revoked = {"t-1": time.time() + 3600}
        await asyncio.sleep(0.02)

        with pytest.raises(CacheUnavailable):
            await known.refresh()
        with pytest.raises(CacheUnavailable):
            await revocations.publish(away, {"t-2": time.time() + 60})
        with pytest.raises(CacheUnavailable):
            await revocations.is_published(away)

        assert known.age() >= 0.02
        with pytest.raises(RevokedToken):
            known.check(_client())


async def test_a_follower_starts_without_redis():
    async with cache.connect("redis://127.0.0.1:1") as away, follow(away, interval=0.01) as known:
        await asyncio.sleep(0.05)
        known.check(_client())


async def test_a_follower_learns_of_a_revocation_by_itself(shared: Cache):
    client = _client()
    async with follow(shared, interval=0.01) as known:
        known.check(client)
        await revocations.publish(shared, {client.jti: client.expires_at})
        await asyncio.sleep(0.2)

        with pytest.raises(RevokedToken):
            known.check(client)


async def test_the_number_held_in_memory_is_bounded_and_the_longest_lived_are_kept(
    shared: Cache, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(revocations, "MAX_REVOKED", 2)
    now = time.time()
    await revocations.publish(shared, {"a": now + 10, "b": now + 30, "c": now + 20})
    known = Revocations(shared)
    await known.refresh()

    assert known._revoked.keys() == {"b", "c"}
