"""`.ci/install-servers`, which works as root, with programs of the test's own instead of the real ones."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "install-servers"
PROGRAMS = {
    "id": "echo 1000",
    # What would change the machine is left out.
    "sudo": 'shift; case "$1" in rm|tee|chmod) ;; *) exec "$@" ;; esac',
    "apt-get": 'case "$*" in *broken*) echo "E: no such package"; exit 100 ;; esac',
}


@pytest.mark.parametrize(("package", "code"), [("redis-server", 0), ("broken", 1)])
def test_its_log_has_a_name_that_nobody_can_guess_and_does_not_stay(
    tmp_path: Path, package: str, code: int
) -> None:
    programs, temporary = tmp_path / "bin", tmp_path / "tmp"
    programs.mkdir()
    temporary.mkdir()
    for name, what in PROGRAMS.items():
        (programs / name).write_text(f"#!/bin/sh\n{what}\n")
        (programs / name).chmod(0o755)
    (programs / "mktemp").write_text(
        f'#!/bin/sh\nmade=$(/usr/bin/mktemp "$@")\necho "$made" >"{tmp_path}/made"\necho "$made"\n'
    )
    (programs / "mktemp").chmod(0o755)
    done = subprocess.run(
        [SCRIPT, package],
        env={"PATH": f"{programs}:{os.environ['PATH']}", "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert ("E: no such package" in done.stderr) == bool(code)
    assert (tmp_path / "made").read_text().startswith(str(temporary))
    assert list(temporary.iterdir()) == []
