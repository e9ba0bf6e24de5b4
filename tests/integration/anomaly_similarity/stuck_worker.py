"""The anomaly-similarity worker, which hangs while it computes: `python stuck_worker.py FILE`.

It makes the file when it does; then it is time to kill it.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from services.anomaly_similarity import worker
from services.anomaly_similarity.searcher import Searcher


def main(path: Path) -> None:
    """Run the worker with the trap laid."""

    async def hang(*_: object, **__: object) -> None:
        path.touch()
        await asyncio.Event().wait()

    Searcher.for_anomaly = hang  # type: ignore[assignment, method-assign]
    worker.main()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
