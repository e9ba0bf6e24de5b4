"""A small fleet whose faults one can reason about: each part fails in two ways, told in varying words."""

from datetime import UTC, datetime, timedelta
from itertools import product

from services.anomaly_similarity.search.cases import Case, Corpus

START = datetime(2020, 1, 1, tzinfo=UTC)
PARTS = ("bucket", "cylinder", "radiator", "alternator", "gearbox", "walkway")
FAILURES = {"leak": ("leaking", "leak", "leaks badly"), "crack": ("cracked", "crack in", "broken")}
WORDS = ("", "left", "right", "please check", "again", "reported by night shift", "urgent")


def case(number: int, description: str, **fields: object) -> Case:
    return Case(f"A{number:04}", description, START + timedelta(days=number), **fields)  # type: ignore[arg-type]


def fleet(rounds: int = 6) -> Corpus:
    """Return the corpus: relevant are cases of the same part and failure."""
    cases: list[Case] = []
    for turn in range(rounds):
        for place, (part, failure) in enumerate(product(PARTS, FAILURES)):
            told = FAILURES[failure][(turn + place) % 3]
            said = f"{told} {part} {WORDS[(3 * turn + place) % len(WORDS)]}".strip()
            fields = {"part": part, "failure": failure, "shift": "day"}
            cases.append(case(len(cases), said, product=part[:3], attributes=fields))
    return Corpus.of(cases, key=("part", "failure"))
