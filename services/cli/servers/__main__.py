"""`python -m services.cli.servers`: the packages to install before private servers can start."""

from __future__ import annotations

from services.cli.servers import missing

print(*missing())
