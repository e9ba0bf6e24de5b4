import time

import pytest
from sqlalchemy import select

from services import cache
from services.accounts import repository
from services.accounts.mirror import Mirror
from services.accounts.tables import revocations as table
from services.security import revocations


@pytest.fixture
def revoke(opened, prefix):
    """`await revoke("t-1", 60)`: write to the table alone, as another process would."""

    async def write(name, expires_in):
        async with opened.transaction(prefix) as connection:
            until = time.time() + expires_in
            await repository.revoke(connection, prefix, [f"{prefix}-{name}"], until=until)
        return f"{prefix}-{name}"

    return write


async def _known(opened_cache):
    known = revocations.Revocations(opened_cache)
    await known.refresh()
    return known._revoked


async def test_what_others_write_to_the_table_reaches_redis(opened, opened_cache, revoke):
    mirror = Mirror(opened, opened_cache)
    await mirror.sync()
    written = await revoke("a", 60)

    await mirror.sync()

    assert (await _known(opened_cache))[written] == pytest.approx(time.time() + 60, abs=10)


async def test_a_revocation_while_redis_is_away_arrives_when_it_is_back(
    opened, opened_cache, revoke
):
    async with cache.connect("redis://127.0.0.1:1") as away:
        mirror = Mirror(opened, away)
        written = await revoke("a", 60)
        await mirror.sync()  # it is logged, not raised: the table has it

    mirror._cache = opened_cache
    await mirror.sync()

    assert written in await _known(opened_cache)


async def test_of_several_times_of_one_id_the_last_counts(opened, opened_cache, revoke):
    for expires_in in (30, 90, 60):
        written = await revoke("a", expires_in)

    await Mirror(opened, opened_cache).sync()

    assert (await _known(opened_cache))[written] == pytest.approx(time.time() + 90, abs=10)


async def test_what_has_expired_leaves_the_table(opened, opened_cache, revoke, prefix):
    await revoke("old", -60)
    await revoke("new", 60)

    await Mirror(opened, opened_cache).sync()

    async with opened.reading(prefix) as connection:
        ids = (await connection.execute(select(table.c.revoked_id))).scalars()
        assert [identifier for identifier in ids if identifier.startswith(prefix)] == [
            f"{prefix}-new"
        ]
