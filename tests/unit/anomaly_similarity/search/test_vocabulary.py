"""The vocabulary learns what a domain's words stand for, and an operator's edit goes before what it learned."""

from services.anomaly_similarity.search.vocabulary import Entry, Vocabulary, learn

TEXTS = [
    *["replace left cylinder seal", "repair right cylinder hose"] * 20,
    *["replace left cyl seal", "repair right cyl hose"] * 6,
    *["replace hydraulic hose"] * 20,
    *["replace broken track bolts"] * 20,
    *["new alternator belts"] * 2,
    "replcae hydraulic hose",
    "two cylinders",
]


def test_a_rare_word_one_edit_from_a_common_one_is_a_typo():
    assert learn(TEXTS).entries["replcae"] == Entry("replcae", "replace", "typo")


def test_a_plural_is_a_synonym():
    assert learn(TEXTS).entries["cylinders"] == Entry("cylinders", "cylinder", "synonym")


def test_a_short_word_among_the_neighbours_of_a_longer_one_is_its_abbreviation():
    assert learn(TEXTS).entries["cyl"] == Entry("cyl", "cylinder", "abbreviation")


def test_a_short_word_one_edit_from_another_stays_a_word_of_its_own():
    assert "belts" not in learn(TEXTS).entries


def test_reading_gives_what_the_words_stand_for():
    assert learn(TEXTS).read("Replcae L/H CYL") == ["replace", "l/h", "cylinder"]


def test_an_edit_goes_before_what_was_learned():
    edits = [
        Entry("cyl", "cyl", "synonym", edited=True),
        Entry("l/h", "left hand", "synonym", edited=True),
    ]

    found = learn(TEXTS, edits)

    assert found.read("L/H cyl") == ["left", "hand", "cyl"]
    assert Vocabulary.of([Entry("cyl", "cylinder", "typo"), *edits]).read("cyl") == ["cyl"]


def test_the_version_is_that_of_the_reading():
    one, same = learn(TEXTS), learn(list(reversed(TEXTS)))

    assert one.version == same.version
    assert one.version != learn(TEXTS, [Entry("l/h", "left", "synonym", edited=True)]).version


def test_chains_are_read_to_their_end():
    texts = [*["replace hose"] * 200, *["replaced hose"] * 15, "repalced hose"]

    assert learn(texts).read("repalced") == ["replace"]


def test_a_chain_follows_an_edit_too():
    edits = [Entry("replace", "exchange", "synonym", edited=True)]

    assert learn(TEXTS, edits).read("replcae") == ["exchange"]


def test_nothing_is_learned_from_nothing():
    assert learn([]).entries == {}
