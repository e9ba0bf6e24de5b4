from services.security.scopes import EVERY_SCOPE, Scope, parse, render


def test_the_scopes_are_those_of_the_contract():
    assert render(EVERY_SCOPE) == (
        "anomalies:read anomalies:write catalogue:write clients:admin detection:read "
        "detection:write events:write models:admin platform:admin recommendations:read"
    )


def test_what_was_rendered_parses_to_the_same():
    some = frozenset({Scope.EVENTS_WRITE, Scope.CATALOGUE_WRITE})

    assert parse(render(some)) == some


def test_a_plain_string_is_found_among_scopes():
    assert "events:write" in EVERY_SCOPE


def test_no_text_is_no_scope():
    assert parse("") == parse("  ") == frozenset()
