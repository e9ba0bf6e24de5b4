import base64
import logging
import statistics
import time

import pytest
from jose import jwt

from services.security import rotate


def _basic(name, secret):
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


async def test_a_name_and_password_give_a_token(api):
    await api.create("ada")

    answer = await api.login("ada")

    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert answer.json()["token_type"] == "bearer"
    assert answer.json()["expires_in"] == 3600
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_token_says_who_and_where(api):
    token = await api.new("ada")

    claims = jwt.get_unverified_claims(token)
    assert claims["sub"] == api.ids["ada"]
    assert claims["workspace"] == "default"
    assert (claims["iss"], claims["aud"]) == ("akin", "akin")
    assert claims["exp"] - claims["iat"] == pytest.approx(3600)
    assert api.prefix not in str(claims)


async def test_a_service_elsewhere_lets_its_bearer_in(api, elsewhere):
    token = await api.new("ada")

    answer = await elsewhere.get("/probe", headers={"Authorization": f"Bearer {token}"})

    assert answer.json() == {"client_id": api.ids["ada"], "workspace": "default"}


async def test_an_id_and_secret_give_a_token_in_the_form_or_as_basic(api):
    client_id = await api.create("ada")
    grant = {"grant_type": "client_credentials"}

    in_form = await api.http.post(
        "/token", data=grant | {"client_id": client_id, "client_secret": "correct horse battery"}
    )
    as_basic = await api.http.post(
        "/token",
        data=grant,
        headers={"Authorization": _basic(client_id, "correct horse battery")},
    )

    assert in_form.status_code == as_basic.status_code == 200
    assert jwt.get_unverified_claims(as_basic.json()["access_token"])["sub"] == client_id


async def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(api):
    await api.create("ada")
    for password in ("correct horse batterY", "x", "a" * 256, "ü\u2028"):
        for name in ("ada", "nobody"):
            answer = await api.login(name, password=password)

            assert answer.status_code == 400
            assert answer.json()["error"] == {
                "code": "invalid_grant",
                "message": "Incorrect username or password",
                "details": [],
                "request_id": answer.headers["x-request-id"],
            }


async def test_a_wrong_secret_and_an_unknown_id_get_the_same_answer(api):
    client_id = await api.create("ada")
    grant = {"grant_type": "client_credentials"}
    for name in (client_id, "0b0f4a0e-8f5f-4d0c-9a52-6b7c9d0f9f3a", "ünknown"):
        for options in (
            {"data": grant | {"client_id": name, "client_secret": "wrong"}},
            {"data": grant, "headers": {"Authorization": _basic(name, "wrong")}},
        ):
            answer = await api.http.post("/token", **options)
            assert answer.status_code == 400
            assert answer.json()["error"]["message"] == "Incorrect username or password"


async def test_an_unknown_name_takes_as_long_as_a_wrong_password(start):
    api = await start(logins_per_second=0)
    await api.create("ada")

    async def timed(name):
        began = time.perf_counter()
        assert (await api.login(name, password="wrong password")).status_code == 400
        return time.perf_counter() - began

    pairs = [(await timed("ada"), await timed("nobody")) for _ in range(12)]
    known, unknown = (statistics.median(times) for times in zip(*pairs, strict=True))

    assert 0.5 < unknown / known < 2


async def test_fewer_scopes_can_be_asked_for(api):
    await api.create("ada")

    answer = await api.login("ada", scope="recommendations:read  events:write")

    assert answer.json()["scope"] == "events:write recommendations:read"
    claims = jwt.get_unverified_claims(answer.json()["access_token"])
    assert claims["scope"] == "events:write recommendations:read"


async def test_a_scope_that_the_client_lacks_or_nobody_has_is_refused(api):
    await api.create("ada")
    for scope in ("clients:admin", "events:write made:up", "EVENTS:WRITE", "*"):
        answer = await api.login("ada", scope=scope)

        assert answer.status_code == 400, scope
        assert answer.json()["error"]["code"] == "invalid_scope"


UNFIT = [
    ({}, 422, {"body.grant_type"}),
    ({"grant_type": "password"}, 422, {"body.username", "body.password"}),
    ({"grant_type": "password", "username": "a"}, 422, {"body.password"}),
    ({"grant_type": "password", "username": "a\x00", "password": "p"}, 422, {"body.username"}),
    (
        {"grant_type": "password", "username": "a", "password": "p" * 257},
        422,
        {"body.password"},
    ),
    ({"grant_type": "client_credentials"}, 422, {"body.client_id", "body.client_secret"}),
    ({"grant_type": "password", "username": "a", "password": "p", "x": "y"}, 422, {"body.x"}),
    ({"grant_type": "refresh_token"}, 400, "unsupported_grant_type"),
]


async def test_a_form_that_does_not_fit_is_told_what_is_wrong(api):
    for form, status, told in UNFIT:
        answer = await api.http.post("/token", data=form)

        error = answer.json()["error"]
        assert answer.status_code == status, form
        fields = {detail["field"] for detail in error["details"]}
        assert told in (fields, error["code"])


@pytest.mark.parametrize("header", ["Basic", "Basic !!!", "Basic YQ==", "Basic /w==", "Basic YTo="])
async def test_a_broken_basic_header_is_no_crash(api, header):
    answer = await api.http.post(
        "/token", data={"grant_type": "client_credentials"}, headers={"Authorization": header}
    )

    assert answer.status_code in (400, 422)


async def test_a_secret_in_two_places_is_refused(api):
    client_id = await api.create("ada")

    answer = await api.http.post(
        "/token",
        data={"grant_type": "client_credentials", "client_secret": "x"},
        headers={"Authorization": _basic(client_id, "x")},
    )

    assert answer.json()["error"]["code"] == "invalid_request"


async def test_an_address_that_tries_too_often_is_told_when_to_come_back(start):
    api = await start(logins_per_second=0.1, burst=3)
    await api.create("ada")
    answers = [await api.login("ada", password="guess") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [400, 400, 400, 429]
    assert int(answers[3].headers["Retry-After"]) >= 1


async def test_the_jwks_verifies_a_token_independently(api):
    token = await api.new("ada")

    document = (await api.http.get("/.well-known/jwks.json")).json()

    claims = jwt.decode(token, document, algorithms=["ES256"], audience="akin", issuer="akin")
    assert claims["sub"] == api.ids["ada"]
    assert all("d" not in key for key in document["keys"])


async def test_after_a_rotation_of_keys_old_and_new_tokens_hold_everywhere(
    api, elsewhere, settings
):
    before = await api.new("ada")
    await elsewhere.get("/probe", headers={"Authorization": f"Bearer {before}"})

    rotate(settings.keys)
    assert len((await api.http.get("/.well-known/jwks.json")).json()["keys"]) == 2
    after = await api.token("ada")

    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]
    for token in (before, after):
        answer = await elsewhere.get("/probe", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200


async def test_no_secret_reaches_the_logs(api, caplog):
    caplog.set_level(logging.DEBUG)
    token = await api.new("ada")
    await api.login("ada", password="a wrong secret")
    await api.send("POST", "/revoke", token, data={"token": token})
    await api.send("GET", "/clients", token[:-4] + "AAAA")

    told = "\n".join(record.getMessage() + str(record.__dict__) for record in caplog.records)
    for secret in ("correct horse", "a wrong secret", token.split(".")[2][:20], "$argon2id"):
        assert secret not in told
