from __future__ import annotations

from dataclasses import replace

from tests.benchmarks.figures import Pairs, Row, in_turn
from tests.benchmarks.page import page

FAST = Row(
    key="fast", what="`POST /fast`", akin="700/s", reference="1,000/s", value=0.7, target=0.6
)
SLOW = Row(
    key="slow",
    what="the tail",
    akin="3 ms",
    reference="1 ms",
    value=3.0,
    target=2.0,
    bound="at most",
    spread="2.50–3.50",
)
TOLD = Row(key="told", what="told only", akin="1", reference="—", value=1.0, unit="s")


def test_a_row_tells_whether_its_target_is_reached() -> None:
    assert FAST.reached is True
    assert SLOW.reached is False
    assert TOLD.reached is None
    assert replace(SLOW, value=2.0).reached is True


def test_the_page_has_a_line_for_every_row() -> None:
    text = page([FAST, SLOW, TOLD], machine=["a machine"], notes={})
    assert "- a machine" in text
    assert "| `POST /fast` | 700/s | 1,000/s | 0.70 × | at least 0.6 × | yes |" in text
    assert "| the tail | 3 ms | 1 ms | 3.00 × (2.50–3.50) | at most 2 × | no |" in text
    assert "| told only | 1 | — | 1.00 s |  |  |" in text


def test_a_missed_target_says_by_how_much_and_why() -> None:
    text = page([FAST, SLOW], machine=[], notes={"slow": "It sleeps.", "fast": "Never shown."})
    assert "**the tail**: 3.00 × instead of at most 2. It sleeps." in text
    assert "Never shown." not in text


def test_a_page_without_misses_has_no_section_for_them() -> None:
    assert "Missed" not in page([FAST, TOLD], machine=[], notes={})


def test_sides_take_turns_and_who_begins_changes() -> None:
    order: list[str] = []

    def side(name: str, value: float) -> float:
        order.append(name)
        return value

    ours, theirs = in_turn(lambda: side("a", 1.0), lambda: side("b", 2.0), 3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert (ours, theirs) == ([1.0] * 3, [2.0] * 3)


def test_the_ratio_is_the_median_of_the_neighbours_ratios() -> None:
    pairs = Pairs([10.0, 1.0, 9.0], [20.0, 10.0, 10.0])
    assert pairs.ratio == 0.5
    assert pairs.spread == "0.10–0.90"
