"""What receipts know of people, and what they are compared with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.recommendations.erasures import Erased, user_hash

NOW = datetime(2026, 11, 22, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)

names = st.text(max_size=10)


@given(names, names, names, names)
def test_users_and_workspaces_are_told_apart(a: str, b: str, c: str, d: str) -> None:
    # A workspace's name is printable: it holds no zero.
    if "\0" not in a + c:
        assert (user_hash(a, b) == user_hash(c, d)) == ((a, b) == (c, d))


def test_a_receipt_does_not_tell_whose_it_is() -> None:
    assert len(user_hash("w", "ada")) == 64
    assert "ada" not in user_hash("w", "ada")


def test_what_was_accepted_up_to_the_erasure_is_dropped_and_nothing_later() -> None:
    erased = Erased("w", {user_hash("w", "ada"): NOW})
    assert erased.holds("ada", NOW - MOMENT)
    assert erased.holds("ada", NOW)
    assert not erased.holds("ada", NOW + MOMENT)
    assert not erased.holds("bob", NOW - MOMENT)


def test_without_erasures_nothing_is_dropped() -> None:
    assert not Erased("w").holds("ada", NOW)
