"""Pictures are the same for the same figures."""

from services.reports.pictures import Bar, bars

ROWS = [Bar("one", 0.5, (0.5, 0.4, 0.6), True), Bar("other", 0.25, None, False)]


def test_equal_figures_give_equal_bytes_and_others_do_not():
    assert bars(ROWS, "P@1", "queries") == bars(ROWS, "P@1", "queries")
    assert bars(ROWS, "P@1", "queries") != bars(ROWS[:1], "P@1", "queries")


def test_a_picture_is_markup_that_needs_nothing_from_anywhere():
    found = bars(ROWS, "P@1", "queries")

    assert found.startswith("<svg")
    assert "<image" not in found
    assert "<script" not in found
