"""The corpus is ordered in time, and the key tells which cases are relevant to each other."""

from services.anomaly_similarity.search.cases import UNKNOWN, Corpus
from tests.unit.anomaly_similarity.search.fleet import case, fleet


def test_cases_come_in_the_order_of_their_times():
    later, earlier = case(2, "later"), case(1, "earlier")

    assert Corpus.of([later, earlier]).cases == [earlier, later]


def test_cases_share_a_label_when_all_attributes_of_the_key_are_equal():
    told = [("Pump", "leak"), ("PUMP ", "Leak"), ("pump", "crack"), ("pump", ""), ("", "")]
    cases = [case(i, "", attributes={"part": p, "mode": m}) for i, (p, m) in enumerate(told)]

    labels = Corpus.of(cases, key=("part", "mode")).labels().tolist()

    assert labels[0] == labels[1] != labels[2]
    assert labels[3:] == [UNKNOWN, UNKNOWN]


def test_without_a_key_no_case_has_a_label():
    assert set(Corpus.of([case(1, "x")]).labels().tolist()) == {UNKNOWN}


def test_the_key_and_what_is_known_late_are_not_searched():
    corpus = Corpus.of([case(1, "x")], key=("part",), late=["action"])

    assert corpus.unsearched == {"part", "action"}


def test_hiding_the_key_leaves_the_other_attributes():
    hidden = fleet().without_key([0])

    assert hidden.cases[0].attributes == {"shift": "day"}
    assert fleet().cases[1] == hidden.cases[1]


def test_a_key_may_name_component_product_and_severity():
    fields = {"component_ids": ("p1", "p2"), "component_types": ("pump",), "product": "X"}
    alike = [case(1, "leaks", **fields), case(2, "drips", **fields)]
    other = case(3, "hot", component_ids=("p1",), product="X")
    corpus = Corpus.of([*alike, other], key=("component", "product"))

    first, second, third = corpus.labels().tolist()
    assert first == second != third
    assert corpus.unsearched == {"component", "component_type", "location", "product"}
    assert corpus.without_key([0]).labels().tolist()[0] == UNKNOWN


def test_an_attribute_goes_before_a_field_of_its_name():
    found = case(1, "leaks", severity="high", attributes={"severity": "low"})

    assert (found.value("severity"), found.value("nothing")) == ("low", "")
    assert found.without({"severity"}).value("severity") == ""
