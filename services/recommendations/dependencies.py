"""What the routes get from the application that `app.py` wired."""

from __future__ import annotations

from typing import Any

from fastapi import Depends, Request


def kept(name: str) -> Any:
    """Return the dependency on what `app.state` has under this name."""

    async def of_the_application(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(of_the_application)
