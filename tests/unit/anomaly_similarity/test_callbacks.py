"""Which `callback_url` is taken."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.anomaly_similarity.answer_schemas import Ask
from services.anomaly_similarity.callbacks import Rules
from services.web.errors import Unprocessable

RULES = Rules(signs=True, allow_private=False)


def ask(url: str | None) -> Ask:
    return Ask.model_validate({"anomaly_id": "a", "callback_url": url})


@pytest.mark.parametrize("url", [None, "https://plant.example/akin?x=1", "http://93.184.216.34"])
def test_a_public_address_is_taken(url: str | None) -> None:
    RULES.check(ask(url).callback_url)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://2130706433/",  # the same in one number
        "http://0x7f.1/",
        "http://0177.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://localhost:5432/",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_a_private_address_is_refused_however_it_is_written(url: str) -> None:
    with pytest.raises(Unprocessable):
        RULES.check(ask(url).callback_url)


def test_without_a_secret_no_address_is_taken() -> None:
    unsigned = Rules(signs=False, allow_private=True)
    unsigned.check(None)
    with pytest.raises(Unprocessable, match="callback_url"):
        unsigned.check(ask("https://plant.example/").callback_url)


@pytest.mark.parametrize(
    "url",
    ["ftp://x.org", "javascript:1", "https://", "https://u@x.org", "https://x.org/" + "a" * 1987],
)
def test_what_is_no_address_of_the_web_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        ask(url)
