"""Rules that no linter has: nothing is ever unpickled."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORBIDDEN = {"pickle", "cPickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"}


def unpicklings(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names = {(node.module or "").partition(".")[0]}
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            refused = isinstance(node.value, ast.Constant) and node.value.value is False
            names = set() if refused else {"allow_pickle"}
        else:
            continue
        yield from names & (FORBIDDEN | {"allow_pickle"})


def test_no_file_of_the_product_can_unpickle_anything():
    files = [*(ROOT / "services").rglob("*.py"), *(ROOT / "airflow").rglob("*.py")]

    assert len(files) > 100
    assert {str(f): found for f in files if (found := list(unpicklings(f.read_text())))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import os, pickle",
        "from joblib import load",
        "np.load(f, allow_pickle = True)",
        "np.load(f, allow_pickle=flag)",
    ],
)
def test_the_rule_sees_what_it_is_for(source: str):
    assert list(unpicklings(source))
