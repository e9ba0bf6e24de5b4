"""The oracle finds what it is there to find."""

from __future__ import annotations

from tests.e2e.journal_client import Journal, Reaction
from tests.e2e.oracle import Table, compare

HEAT = Reaction("ada", "heat", "like")
CASINO = Reaction("ada", "casino", "dislike")


def test_a_stored_and_a_forgotten_attempt_are_both_right() -> None:
    journal = Journal({"e1": HEAT, "e2": CASINO, "e3": HEAT}, {"e1"})

    verdict = compare(journal, Table([("e1", HEAT), ("e2", CASINO)], {}))

    line = "attempted 3, acknowledged 1, stored 2, lost 0, duplicated 0, unexpected 0"
    assert str(verdict) == line
    assert verdict.findings == {}


def test_an_acknowledged_event_that_is_not_stored_is_lost() -> None:
    verdict = compare(Journal({"e1": HEAT, "e2": CASINO}, {"e1", "e2"}), Table([("e1", HEAT)], {}))

    assert verdict.lost == ["e2"]


def test_an_event_that_is_stored_twice_is_duplicated() -> None:
    verdict = compare(Journal({"e1": HEAT}, {"e1"}), Table([("e1", HEAT), ("e1", HEAT)], {}))

    assert verdict.duplicated == ["e1"]


def test_an_event_that_was_never_sent_or_not_like_this_is_unexpected() -> None:
    table = Table([("e1", CASINO), ("e2", HEAT)], {})

    assert len(compare(Journal({"e1": HEAT}, {"e1"}), table).unexpected) == 2
