import asyncio
import statistics
import time
from collections.abc import Iterator

import pytest

from services.security import Passwords, PasswordsBusy


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    passwords = Passwords()
    yield passwords
    passwords.close()


async def test_only_the_right_password_matches(passwords: Passwords):
    hashed = await passwords.hash("correct horse")

    assert await passwords.verify("correct horse", hashed)
    assert not await passwords.verify("correct horsE", hashed)
    assert not await passwords.verify("", hashed)


async def test_a_hash_is_argon2id_with_a_salt_of_its_own(passwords: Passwords):
    first, second = [await passwords.hash("same") for _ in range(2)]

    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert "same" not in first


async def test_nobody_never_matches(passwords: Passwords):
    assert not await passwords.verify("anything", None)


async def test_a_damaged_hash_matches_nothing(passwords: Passwords):
    for damaged in ("nonsense", "$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA", "plain"):
        assert not await passwords.verify("plain", damaged)


async def test_an_unknown_name_takes_as_long_as_a_wrong_password(passwords: Passwords):
    hashed = await passwords.hash("correct horse")

    async def timed(against: str | None) -> float:
        began = time.perf_counter()
        await passwords.verify("wrong", against)
        return time.perf_counter() - began

    pairs = [(await timed(hashed), await timed(None)) for _ in range(15)]
    known, unknown = (statistics.median(times) for times in zip(*pairs, strict=True))

    assert 0.5 < unknown / known < 2  # without the comparison it would be 0.001


async def test_hashing_leaves_the_event_loop_free(passwords: Passwords):
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(passwords.hash("busy") for _ in range(4)))
    ticking.cancel()

    assert ticks > 20


async def test_too_many_at_once_are_refused_and_the_rest_served(passwords: Passwords):
    small = Passwords(threads=1, max_waiting=3)
    hashed = await small.hash("right")

    outcomes = await asyncio.gather(
        *(small.verify("right", hashed) for _ in range(8)), return_exceptions=True
    )
    small.close()

    assert outcomes.count(True) == 3
    assert sum(isinstance(outcome, PasswordsBusy) for outcome in outcomes) == 5
