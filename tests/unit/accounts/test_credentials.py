import base64

import pytest
from pydantic import ValidationError

from services.accounts.credentials import ByPassword, BySecret, credentials
from services.accounts.schemas import TokenRequest
from services.web.errors import BadRequest, Unprocessable


def _basic(text: str) -> str:
    return "basic " + base64.b64encode(text.encode()).decode()


def test_a_password_grant_ignores_how_the_client_itself_authenticates():
    form = TokenRequest(grant_type="password", username="ada", password="secret")

    assert credentials(form, _basic("some:client")) == ByPassword("ada", "secret")


def test_a_secret_may_hold_colons():
    form = TokenRequest(grant_type="client_credentials")

    assert credentials(form, _basic("id:a:b:c")) == BySecret("id", "a:b:c")


def test_an_empty_field_is_a_missing_one():
    # What forms of browsers send for what was left blank.
    form = TokenRequest(grant_type="client_credentials", client_id="id", client_secret="")

    with pytest.raises(Unprocessable) as refused:
        credentials(form, None)
    assert [detail["field"] for detail in refused.value.details] == ["body.client_secret"]


@pytest.mark.parametrize("text", ["no-colon", "a\nb:secret", "id:" + "x" * 257])
def test_what_is_no_id_and_secret_is_refused(text: str):
    with pytest.raises(BadRequest):
        credentials(TokenRequest(grant_type="client_credentials"), _basic(text))


def test_secrets_do_not_show_themselves():
    form = TokenRequest(grant_type="password", username="ada", password="s3cret")
    given = credentials(form, None)

    assert "s3cret" not in repr(form) + repr(given) + repr(BySecret("id", "s3cret"))


def test_a_password_that_does_not_fit_is_not_repeated_in_the_error():
    with pytest.raises(ValidationError) as refused:
        TokenRequest(grant_type="password", username="ada", password="s3cret" * 50)
    assert "s3cret" not in str(refused.value)
