"""Pages need nothing from anywhere."""

from services.reports.page import page, table


def test_a_title_is_text_and_parts_are_markup():
    found = page("<b>", ["<p>one</p>", "<p>two</p>"])

    assert "<title>&lt;b&gt;</title>" in found
    assert "<p>one</p>\n<p>two</p>" in found
    assert "http" not in found


def test_the_chosen_line_of_a_table_stands_out():
    found = table(["", "x"], [["a", "1"], ["b", "2"]], chosen=1)

    assert found.count("<tr") == 3
    assert "<tr class=chosen><td>b</td>" in found
