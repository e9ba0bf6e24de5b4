"""Health: named checks of what a process depends on, run side by side, each with a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Check = Callable[[], Awaitable[None]]

CHECK_TIMEOUT = 2.0  # seconds; probes of Kubernetes give up after that as well


class Health:
    """What must answer before this process can do its work."""

    def __init__(self) -> None:
        self._alive: dict[str, Check] = {}
        self._ready: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """Add a dependency: `check` returns when it answers and raises otherwise."""
        self._alive[name] = check

    def add_readiness(self, name: str, check: Check) -> None:
        """Add what must hold before requests are welcome, such as "the schema is there"."""
        self._ready[name] = check

    async def report(self, *, readiness: bool = False) -> tuple[bool, dict[str, str]]:
        """Return whether everything answers, and each check's `ok` or its reason."""
        checks = self._alive | self._ready if readiness else self._alive
        outcomes = await asyncio.gather(*(_run(check) for check in checks.values()))
        return all(o == "ok" for o in outcomes), dict(zip(checks, outcomes, strict=True))


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
