"""The routes of accounts."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response

from services.accounts import schemas
from services.accounts.credentials import ByPassword, credentials
from services.accounts.limits import limit_logins, limit_registrations
from services.accounts.repository import Account
from services.accounts.service import Accounts
from services.security.keys import KeysUnavailable, LocalKeys
from services.security.scopes import Scope
from services.web.errors import Unprocessable
from services.web.gate import Caller, requires
from services.web.schemas import ErrorBody, Id

router = APIRouter()

_SECRET = {"Cache-Control": "no-store"}  # RFC 6749, §5.1


def _errors(**described: str) -> dict[int | str, dict[str, Any]]:
    return {
        int(status[1:]): {"model": ErrorBody, "description": text}
        for status, text in described.items()
    }


_NO_TOKEN = {"_401": "No token, or one that does not hold."}
_TOO_OFTEN = {"_429": "Too many from this address; repeat after `Retry-After`."}


async def _accounts(request: Request) -> Accounts:
    accounts: Accounts = request.app.state.accounts
    return accounts


async def _registrar(request: Request) -> Caller | None:
    """Return who registers another: known only where registration needs `clients:admin`."""
    if request.app.state.accounts.registration != "admin":
        return None
    header = request.headers.get("authorization")
    caller: Caller = await request.app.state.gate.admit(header, Scope.CLIENTS_ADMIN)
    return caller


Service = Annotated[Accounts, Depends(_accounts)]
Anyone = Annotated[Caller, requires(None)]
Admin = Annotated[Caller, requires(Scope.CLIENTS_ADMIN)]


@router.post(
    "/create-client",
    summary="Register a client",
    response_model=schemas.ClientCreated,
    dependencies=[Depends(limit_registrations)],
    responses=_errors(
        **_NO_TOKEN,
        **_TOO_OFTEN,
        _400="The username or the e-mail is taken.",
        _403="Registration is closed, or the token lacks a scope.",
    ),
)
async def create_client(
    registrar: Annotated[Caller | None, Depends(_registrar)],
    body: schemas.CreateClient,
    accounts: Service,
) -> schemas.ClientCreated:
    """Register a client: anyone may, or a client with `clients:admin`, as the installation is set."""
    return schemas.ClientCreated(client_id=await accounts.register(body, registrar))


@router.post(
    "/token",
    summary="Get a token",
    response_model=schemas.Token,
    dependencies=[Depends(limit_logins)],
    responses=_errors(
        **_TOO_OFTEN, _400="Incorrect username or password, or a scope that the client lacks."
    ),
)
async def token(
    form: Annotated[schemas.TokenRequest, Form()],
    accounts: Service,
    request: Request,
    response: Response,
) -> schemas.Token:
    """Give a token for a name and password, or for a client id and secret (also as HTTP Basic)."""
    given = credentials(form, request.headers.get("authorization"))
    if isinstance(given, ByPassword):
        issued = await accounts.login(given.username, given.password, scope=form.scope)
    else:
        issued = await accounts.login_by_id(given.client_id, given.client_secret, scope=form.scope)
    response.headers.update(_SECRET)
    return schemas.Token(
        access_token=issued.access_token, expires_in=issued.expires_in, scope=issued.scope
    )


@router.post(
    "/revoke",
    summary="End a token",
    response_model=schemas.Revoked,
    responses=_errors(**_NO_TOKEN, _403="The token is another client's."),
)
async def revoke(
    caller: Anyone, form: Annotated[schemas.RevokeRequest, Form()], accounts: Service
) -> schemas.Revoked:
    """End a token of one's own or, with `clients:admin`, any of the workspace, within two seconds."""
    await accounts.revoke(form.token, caller)
    return schemas.Revoked()


@router.get("/.well-known/jwks.json", summary="The public keys", response_model=schemas.PublicKeys)
async def jwks(request: Request) -> schemas.PublicKeys:
    """Give the public keys that tokens are verified with."""
    keys: LocalKeys = request.app.state.signing_keys
    with suppress(KeysUnavailable):  # then the known ones are what there is to serve
        await keys.refresh()  # one that was just rotated in must not be missing here
    return schemas.PublicKeys.model_validate(keys.jwks())


@router.get(
    "/clients",
    summary="List the clients",
    response_model=schemas.Clients,
    responses=_errors(**_NO_TOKEN, _403="The token lacks `clients:admin`."),
)
async def list_clients(
    caller: Admin,
    accounts: Service,
    limit: Annotated[int, Query(ge=1, le=schemas.MAX_PAGE)] = 50,
    cursor: Annotated[str | None, Query(max_length=100)] = None,
) -> schemas.Clients:
    """List the clients of the caller's workspace."""
    found = await accounts.list_clients(caller, limit=limit + 1, after=_after(cursor))
    page = found[:limit]
    return schemas.Clients(
        clients=[_rendered(account) for account in page],
        cursor=_cursor(page[-1].client_id) if len(found) > limit else None,
    )


@router.delete(
    "/clients/{client_id}",
    summary="Delete a client",
    status_code=204,
    responses=_errors(
        **_NO_TOKEN, _403="The token lacks `clients:admin`.", _404="There is no such client."
    ),
)
async def delete_client(caller: Admin, client_id: Id, accounts: Service) -> None:
    """Delete a client of the caller's workspace; its tokens end within two seconds."""
    await accounts.delete_client(client_id, caller)


@router.post(
    "/clients/{client_id}/rotate-secret",
    summary="Change a client's secret",
    response_model=schemas.NewSecret,
    responses=_errors(
        **_NO_TOKEN,
        _403="The client is another one, and `clients:admin` or one of its scopes is lacking.",
        _404="There is no such client.",
    ),
)
async def rotate_secret(
    caller: Anyone, client_id: Id, accounts: Service, response: Response
) -> schemas.NewSecret:
    """Give a client a new secret, which is its password too; the old one and its tokens end."""
    secret = await accounts.rotate_secret(client_id, caller)
    response.headers.update(_SECRET)
    return schemas.NewSecret(client_id=client_id, client_secret=secret)


def _rendered(account: Account) -> schemas.ClientOut:
    return schemas.ClientOut(
        client_id=account.client_id,
        username=account.username,
        name=account.name,
        email=account.email,
        scopes=sorted(account.scopes),
        created_at=account.created_at,
    )


def _cursor(client_id: str) -> str:
    return urlsafe_b64encode(client_id.encode()).decode()


def _after(cursor: str | None) -> str:
    if cursor is None:
        return ""
    try:
        after = urlsafe_b64decode(cursor.encode()).decode()
    except ValueError:
        after = ""
    if not after.isprintable() or not after:
        raise Unprocessable(
            "The request does not fit: query.cursor.",
            details=[{"field": "query.cursor", "message": "Not a cursor of this list."}],
        )
    return after
