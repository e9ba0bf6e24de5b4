"""Signatures of webhooks."""

from __future__ import annotations

import base64

import pytest
from pydantic import SecretStr, ValidationError

from services.anomaly_similarity import signing
from services.anomaly_similarity.config import AnomalySimilaritySettings


def test_the_example_of_the_reference_implementation_is_signed_as_there() -> None:
    key = signing.key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    assert signing.headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == [
        ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
    ]


def secret(length: int) -> str:
    return "whsec_" + base64.b64encode(bytes(length)).decode()


@pytest.mark.parametrize("length", [24, 64])
def test_a_secret_may_come_without_its_prefix(length: int) -> None:
    assert signing.key_of(secret(length)) == bytes(length)
    assert signing.key_of(secret(length).removeprefix("whsec_")) == bytes(length)


@pytest.mark.parametrize("wrong", [secret(23), secret(65), "whsec_", "hunter2!", ""])
def test_a_secret_that_is_none_stops_the_service_at_its_start(wrong: str) -> None:
    with pytest.raises(ValidationError) as raised:
        AnomalySimilaritySettings(webhook_secret=SecretStr(wrong))
    assert "whsec_" in str(raised.value) or "bytes" in str(raised.value)
    assert not wrong or wrong not in str(raised.value)
