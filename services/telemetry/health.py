"""Health: named checks of what a process depends on, run side by side, each with a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

Check = Callable[[], Awaitable[None]]

CHECK_TIMEOUT = 2.0  # seconds; probes of Kubernetes give up after that as well
SHARED = 1.0  # seconds; however many ask, a dependency is asked once in this time


class Health:
    """What must answer before this process can do its work."""

    def __init__(self) -> None:
        self._alive: dict[str, _Shared] = {}
        self._ready: dict[str, _Shared] = {}

    def add(self, name: str, check: Check) -> None:
        """Add a dependency: `check` returns when it answers and raises otherwise."""
        self._alive[name] = _Shared(check)

    def add_readiness(self, name: str, check: Check) -> None:
        """Add what must hold before requests are welcome, such as "the schema is there"."""
        self._ready[name] = _Shared(check)

    async def report(self, *, readiness: bool = False) -> tuple[bool, dict[str, str]]:
        """Return whether everything answers, and each check's `ok` or its reason.

        An outcome is shared by all who ask within `SHARED` seconds: the routes are open to anybody.
        """
        checks = self._alive | self._ready if readiness else self._alive
        outcomes = await asyncio.gather(*(check.outcome() for check in checks.values()))
        return all(o == "ok" for o in outcomes), dict(zip(checks, outcomes, strict=True))


class _Shared:
    """A check whose outcome holds for a moment; who asks while it runs waits for that one."""

    def __init__(self, check: Check) -> None:
        self._check = check
        self._running = asyncio.Lock()
        self._outcome = ""
        self._until = 0.0

    async def outcome(self) -> str:
        async with self._running:
            if monotonic() >= self._until:
                self._outcome = await _run(self._check)
                self._until = monotonic() + SHARED
            return self._outcome


async def _run(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            await check()
    except TimeoutError:
        return f"no answer within {CHECK_TIMEOUT:g} s"
    except Exception as error:  # whatever a check raises is its finding
        # The class alone: messages of drivers may hold addresses and user names.
        return f"failed: {type(error).__name__}"
    return "ok"
