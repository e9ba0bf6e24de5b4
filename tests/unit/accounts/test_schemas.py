import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.accounts.schemas import WORKSPACE, CreateClient, Email

EMAILS = TypeAdapter(Email)


@pytest.mark.parametrize(
    "email",
    [
        "a@b.co",
        "ada.lovelace+akin@mail.example.org",
        "o'brien@example.ie",
        "x@sub-domain.example.museum",
        "x@1und1.de",
        "a" * 64 + "@example.org",
    ],
)
def test_a_usual_address_is_taken(email: str):
    assert EMAILS.validate_python(email) == email


@pytest.mark.parametrize(
    "email",
    [
        "",
        "@",
        "a@",
        "@b.co",
        "a@b",
        "a@b.",
        "a@.co",
        "a@-b.co",
        "a@b-.co",
        "a b@c.de",
        "a@b@c.de",
        "a@b.co\n",
        "a@b.co ",
        "ä@b.co",
        "a" * 65 + "@example.org",
        "a@" + "b" * 64 + ".co",
        "a@" + "b.co" * 70,
    ],
)
def test_what_is_no_address_is_refused(email: str):
    with pytest.raises(ValidationError):
        EMAILS.validate_python(email)


def test_a_hostile_address_is_refused_quickly():
    began = time.perf_counter()
    with pytest.raises(ValidationError):
        EMAILS.validate_python("a@" + "a-" * 120 + "!")
    assert time.perf_counter() - began < 0.1


@given(st.text(max_size=70))
def test_a_workspaces_name_never_leaves_its_place_in_a_path_or_key(name: str):
    if re.fullmatch(WORKSPACE, name):
        assert 1 <= len(name) <= 64
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert name[0] != "-" != name[-1]


def test_a_password_has_8_to_256_characters():
    fields = {"username": "ada", "name": "Ada", "email": "ada@example.org"}
    for length in (8, 256):
        assert CreateClient(**fields, password="p" * length).username == "ada"
    for length in (7, 257):
        with pytest.raises(ValidationError):
            CreateClient(**fields, password="p" * length)


def test_a_password_does_not_show_itself():
    client = CreateClient(
        username="ada", name="Ada", email="ada@example.org", password="correct horse"
    )

    assert "correct" not in repr(client) + str(client) + client.model_dump_json()
