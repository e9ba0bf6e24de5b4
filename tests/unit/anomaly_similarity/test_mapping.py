from __future__ import annotations

import pytest

from services.anomaly_similarity.mapping import ImportRefused, Pair, parse


def test_fields_attributes_and_lists_are_told_by_columns() -> None:
    words = [
        "description=Text",
        "component_ids=System",
        "component_ids=Part",
        "attributes=Cost in $",
        "attributes.failure mode=FM",
        "solution=a=b",
        "outcome:=solved",
        "attributes.site:=north",
    ]
    assert parse(words) == [
        Pair("description", "", "Text"),
        Pair("component_ids", "", "System"),
        Pair("component_ids", "", "Part"),
        Pair("attributes", "Cost in $", "Cost in $"),
        Pair("attributes", "failure mode", "FM"),
        Pair("solution", "", "a=b"),
        Pair("outcome", "", value="solved"),
        Pair("attributes", "site", value="north"),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Map the description"),
        (["severity=S"], "Map the description"),
        (["description"], "does not read"),
        (["description="], "does not read"),
        (["description=T", "outcome:="], "does not read"),
        (["description=T", "attributes:=north"], "does not read attributes.<name>"),
        (["descripton=T"], "Known are anomaly_id, description"),
        (["description.x=T"], "no such field"),
        (["description=T", "description=U"], "more than once: description"),
        (["description=T", "attributes=A", "attributes.A=B"], "more than once: attributes.A"),
        (["description=T"] + ["component_ids=C"] * 100, "at most 100"),
    ],
)
def test_a_mapping_that_says_nothing_clear_is_refused(words: list[str], said: str) -> None:
    with pytest.raises(ImportRefused, match=said):
        parse(words)
