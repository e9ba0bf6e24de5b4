"""Passwords, hashed with argon2id in threads of their own, a few at a time."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.away import Away

# OWASP's minimum (Password Storage Cheat Sheet, 2025), about 22 ms on one core.
TIME_COST = 2  # passes
MEMORY_COST = 19 * 1024  # KiB of memory for each hash under way
PARALLELISM = 1  # lanes
THREADS = 2  # hashes under way at once: more would take the cores from those who have a token
MAX_WAITING = 64  # callers; with two threads the last of them waits about 0.7 s

T = TypeVar("T")


class PasswordsBusy(Away):
    """More logins wait than can be served soon; the same call may be repeated."""


class Passwords:
    """Hashes and verifies. Close it at the end."""

    def __init__(self, *, threads: int = THREADS, max_waiting: int = MAX_WAITING) -> None:
        self._hasher = PasswordHasher(
            time_cost=TIME_COST, memory_cost=MEMORY_COST, parallelism=PARALLELISM
        )
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._max_waiting = max_waiting
        self._waiting = 0
        # What an unknown name is compared with, so that it takes as long as a known one.
        self._nobody = self._hasher.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """Return the salted hash of `password`, with its parameters.

        Raises:
            PasswordsBusy: too many wait.
        """
        return await self._run(lambda: self._hasher.hash(password))

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Return whether `hashed` came from `password`; None (no such client) takes as long and is False.

        Raises:
            PasswordsBusy: too many wait.
        """
        matches = await self._run(lambda: self._matches(password, hashed or self._nobody))
        return matches and hashed is not None

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, password: str, hashed: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._max_waiting:
            raise PasswordsBusy("Too many logins at once.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
