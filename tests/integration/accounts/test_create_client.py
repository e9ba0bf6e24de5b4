import asyncio
import uuid

import pytest

from services.accounts import clients
from services.accounts.schemas import CreateClient
from services.accounts.workspaces import create_workspace, list_workspaces
from services.security import EVERY_SCOPE, Passwords, Scope


async def test_a_new_client_is_told_its_id_and_nothing_else(api):
    answer = await api.http.post("/create-client", json=api.body("ada"))

    assert answer.status_code == 200
    assert answer.json().keys() == {"message", "client_id"}
    assert answer.json()["message"] == "Client created successfully"
    assert str(uuid.UUID(answer.json()["client_id"])) == answer.json()["client_id"]


async def test_a_taken_username_is_refused_in_the_words_of_the_contract(api):
    await api.create("ada")

    answer = await api.http.post(
        "/create-client", json=api.body("ada", email=f"{api.prefix}-other@example.org")
    )

    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Client with this username already exists"
    assert answer.json()["error"]["code"] == "username_taken"


async def test_a_taken_email_is_refused_however_it_is_written(api):
    await api.create("ada")

    answer = await api.http.post(
        "/create-client", json=api.body("grace", email=f"{api.prefix}-ADA@Example.ORG".upper())
    )

    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "Client with this email already exists"
    assert answer.json()["error"]["code"] == "email_taken"


@pytest.mark.parametrize("same", ["username", "email"])
async def test_of_many_that_ask_for_one_name_at_once_one_gets_it(api, same):
    bodies = [api.body(f"racer-{n}") for n in range(8)]
    for body in bodies:
        body[same] = bodies[0][same]

    answers = await asyncio.gather(*(api.http.post("/create-client", json=body) for body in bodies))

    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 7
    assert {a.json()["error"]["code"] for a in answers if a.status_code == 400} == {f"{same}_taken"}


UNFIT = [
    ("username", ""),
    ("username", "a" * 201),
    ("username", "a\x00b"),
    ("username", "a\nb"),
    ("username", 7),
    ("username", None),
    ("name", ""),
    ("email", "ada"),
    ("email", "ada@localhost"),
    ("email", "ada@example..org"),
    ("email", "a da@example.org"),
    ("email", "ada@example.org\n"),
    ("email", f"ada@{'a' * 250}.org"),
    ("password", "seven77"),
    ("password", "a" * 257),
    ("password", 12345678),
    ("nickname", "ada"),
]


async def test_a_field_that_does_not_fit_is_named(start):
    api = await start(registrations_per_second=0)
    for field, value in UNFIT:
        answer = await api.http.post("/create-client", json=api.body("ada", **{field: value}))

        assert answer.status_code == 422, (field, value)
        details = answer.json()["error"]["details"]
        assert [detail["field"] for detail in details] == [f"body.{field}"]
    assert (await api.login("ada")).status_code == 400


async def test_every_field_that_does_not_fit_is_named_at_once(api):
    answer = await api.http.post("/create-client", json={"username": "", "password": "short"})

    fields = {detail["field"] for detail in answer.json()["error"]["details"]}
    assert fields == {"body.username", "body.name", "body.email", "body.password"}


async def test_a_refused_password_is_not_repeated(api):
    secret = "S3cret!" + "x" * 300
    answer = await api.http.post("/create-client", json=api.body("ada", password=secret))

    assert answer.status_code == 422
    assert "S3cret!" not in answer.text


async def test_the_shared_mode_gives_the_workspace_default_and_all_but_clients_admin(api):
    token = await api.new("ada")

    granted = (await api.login("ada")).json()["scope"]
    assert granted == " ".join(sorted(EVERY_SCOPE - {Scope.CLIENTS_ADMIN}))
    assert (await api.send("GET", "/clients", token)).status_code == 403


async def test_scopes_are_no_field_where_the_mode_gives_them(api):
    answer = await api.http.post("/create-client", json=api.body("ada", scopes=["clients:admin"]))

    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["field"] == "body.scopes"


async def test_the_isolated_mode_gives_each_a_workspace_of_its_own(start):
    api = await start(registration="isolated")
    ada, grace = await api.new("ada"), await api.new("grace")

    for token, name in ((ada, "ada"), (grace, "grace")):
        listed = (await api.send("GET", "/clients", token)).json()["clients"]
        assert [client["client_id"] for client in listed] == [api.ids[name]]


async def test_a_refused_isolated_registration_leaves_no_workspace(start, opened):
    api = await start(registration="isolated")
    await api.create("ada")
    before = {w.workspace for w in await list_workspaces(opened) if not w.clients}

    assert (await api.http.post("/create-client", json=api.body("ada"))).status_code == 400

    assert {w.workspace for w in await list_workspaces(opened) if not w.clients} <= before


async def test_the_closed_mode_registers_nobody(start):
    api = await start(registration="closed")

    answer = await api.http.post("/create-client", json=api.body("ada"))

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "registration_closed"


@pytest.fixture
async def admin(start, opened, prefix):
    """Accounts in the mode `admin`, with a client `root` of its own workspace to begin with."""
    await create_workspace(opened, prefix)
    api = await start(registration="admin")
    passwords = Passwords()
    await clients.create_client(
        opened,
        passwords,
        CreateClient(**api.body("root")),
        workspace=prefix,
        scopes=frozenset({"clients:admin", "events:write", "recommendations:read"}),
    )
    passwords.close()
    return api


async def test_the_admin_mode_needs_a_token_with_clients_admin(admin):
    without = await admin.http.post("/create-client", json=admin.body("ada"))
    weak = await admin.token("root", scope="events:write")
    lacking = await admin.send("POST", "/create-client", weak, json=admin.body("ada"))

    assert without.status_code == 401
    assert without.headers["WWW-Authenticate"].startswith("Bearer")
    assert lacking.status_code == 403


async def test_an_administrator_registers_into_its_own_workspace(admin):
    root = await admin.token("root")
    ada = await admin.create("ada", token=root)

    listed = (await admin.send("GET", "/clients", root)).json()["clients"]
    assert {client["client_id"]: client["scopes"] for client in listed}[ada] == [
        "events:write",
        "recommendations:read",
    ]


async def test_an_administrator_gives_the_scopes_it_names(admin):
    root = await admin.token("root")
    await admin.create("deputy", token=root, scopes=["clients:admin"])

    assert (await admin.login("deputy")).json()["scope"] == "clients:admin"


async def test_an_administrator_gives_nothing_that_it_does_not_have(admin):
    root = await admin.token("root")
    body = admin.body("ada", scopes=["events:write", "platform:admin"])

    answer = await admin.send("POST", "/create-client", root, json=body)

    assert answer.status_code == 403
    assert "platform:admin" in answer.json()["error"]["message"]
    assert (await admin.login("ada")).status_code == 400


async def test_an_address_that_registers_too_often_is_told_when_to_come_back(start):
    api = await start(registrations_per_second=0.1, burst=2)
    answers = [await api.http.post("/create-client", json={}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [422, 422, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 11
    assert answers[2].json()["error"]["code"] == "too_many_requests"
