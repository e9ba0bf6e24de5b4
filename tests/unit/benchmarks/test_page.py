from tests.benchmarks.figures import Row
from tests.benchmarks.page import render

REACHED = Row(key="a", what="fast", akin="9/s", reference="10/s", value=0.9, target=0.6)
MISSED = Row(
    key="b", what="slow", akin="9 s", reference="3 s", value=3, target=1.5, bound="at most"
)


def page(*rows: Row, notes: dict[str, str] | None = None) -> str:
    return render(rows, machine="a machine", date="2026-01-01", notes=notes or {}, took=120)


def test_a_row_stands_with_its_ratio_its_target_and_whether_it_is_reached() -> None:
    assert "| fast | 9/s | 10/s | 0.90 × | at least 0.6 × | yes |" in page(REACHED)
    assert "## Missed" not in page(REACHED)


def test_a_missed_target_says_by_how_much_and_why() -> None:
    text = page(REACHED, MISSED, notes={"b": "The disk."})

    assert "| slow | 9 s | 3 s | 3.00 × | at most 1.5 × | **no** |" in text
    assert "**slow**: 3.00 ×, the target is at most 1.5 ×. The disk." in text
