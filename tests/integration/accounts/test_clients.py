import base64

import pytest

from services.accounts import clients
from services.accounts.schemas import CreateClient
from services.accounts.workspaces import create_workspace
from services.security import Passwords


@pytest.fixture
async def admin(api, opened, prefix):
    """A token of an administrator in a workspace with five other clients."""
    await create_workspace(opened, prefix)
    passwords = Passwords()
    for name in ("root", "a", "b", "c", "d", "e"):
        api.ids[name] = await clients.create_client(
            opened,
            passwords,
            CreateClient(**api.body(name)),
            workspace=prefix,
            scopes=frozenset({"clients:admin"}),
        )
    passwords.close()
    return await api.token("root")


async def test_the_clients_of_the_workspace_are_listed_without_secrets(api, admin):
    answer = await api.send("GET", "/clients", admin)

    listed = {client["client_id"]: client for client in answer.json()["clients"]}
    assert listed.keys() == set(api.ids.values())
    assert answer.json()["cursor"] is None
    one = listed[api.ids["a"]]
    assert one.keys() == {"client_id", "username", "name", "email", "scopes", "created_at"}
    assert one["username"] == f"{api.prefix}-a"
    assert one["created_at"].endswith("Z")
    assert "argon2" not in answer.text


async def test_pages_follow_one_another_without_gap_or_repeat(api, admin):
    seen, cursor = [], None
    while True:
        params = {"limit": 4} | ({"cursor": cursor} if cursor else {})
        page = (await api.send("GET", "/clients", admin, params=params)).json()
        seen += [client["client_id"] for client in page["clients"]]
        cursor = page["cursor"]
        if cursor is None:
            break

    assert seen == sorted(api.ids.values())


async def test_a_last_page_that_is_full_has_no_cursor(api, admin):
    page = (await api.send("GET", "/clients", admin, params={"limit": 6})).json()

    assert len(page["clients"]) == 6
    assert page["cursor"] is None


async def test_another_workspaces_clients_do_not_exist(api, admin):
    outside = await api.create("outside")

    listed = (await api.send("GET", "/clients", admin)).json()["clients"]
    assert outside not in {client["client_id"] for client in listed}
    assert (await api.send("DELETE", f"/clients/{outside}", admin)).status_code == 404
    assert (await api.login("outside")).status_code == 200


async def test_a_cursor_reaches_no_other_workspace(api, admin):
    await api.create("outside")
    cursor = base64.urlsafe_b64encode(b"!").decode()

    listed = await api.send("GET", "/clients", admin, params={"cursor": cursor})
    assert {c["username"] for c in listed.json()["clients"]} == {
        f"{api.prefix}-{name}" for name in ("root", "a", "b", "c", "d", "e")
    }


WRONG_PAGES = [
    ({"limit": 0}, "query.limit"),
    ({"limit": 101}, "query.limit"),
    ({"limit": "x"}, "query.limit"),
    ({"cursor": "x"}, "query.cursor"),
    ({"cursor": ""}, "query.cursor"),
    ({"cursor": "/w=="}, "query.cursor"),
    ({"cursor": "AA=="}, "query.cursor"),
    ({"cursor": "ü"}, "query.cursor"),
    ({"cursor": "a" * 101}, "query.cursor"),
]


async def test_a_wrong_page_is_refused(api, admin):
    for params, field in WRONG_PAGES:
        answer = await api.send("GET", "/clients", admin, params=params)

        assert answer.status_code == 422, params
        assert answer.json()["error"]["details"][0]["field"] == field


async def test_clients_are_for_administrators(api):
    ada = await api.new("ada")
    for method, path in (("GET", "/clients"), ("DELETE", "/clients/x")):
        without = await api.send(method, path)
        lacking = await api.send(method, path, ada)

        assert (without.status_code, lacking.status_code) == (401, 403)


async def test_an_id_that_cannot_be_one_is_refused(api, admin):
    for path, status in (
        ("/clients/%00", 422),
        (f"/clients/{'a' * 201}", 422),
        ("/clients/x", 404),
    ):
        assert (await api.send("DELETE", path, admin)).status_code == status
