"""What accounts does for its HTTP clients: register, give tokens, take them back."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from services.accounts import clients, repository, workspaces
from services.accounts.config import Registration
from services.accounts.mirror import Mirror
from services.accounts.repository import Account
from services.accounts.schemas import CreateClient
from services.database import EVERY_WORKSPACE, Database
from services.security.passwords import Passwords
from services.security.scopes import EVERY_SCOPE, Scope, parse, render
from services.security.tokens import Client, InvalidToken, TokenSigner, TokenVerifier
from services.web.errors import BadRequest, Forbidden, Unprocessable

# What registration without a caller never gives away where workspaces are shared.
SHARED_SCOPES = EVERY_SCOPE - {Scope.CLIENTS_ADMIN}
# What an administrator has to give by name.
ORDINARY_SCOPES = EVERY_SCOPE - {Scope.CLIENTS_ADMIN, Scope.PLATFORM_ADMIN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A new token, and what it allows."""

    access_token: str
    expires_in: int
    scope: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The service; one per process, on `app.state.accounts`."""

    database: Database
    passwords: Passwords
    signer: TokenSigner
    verifier: TokenVerifier
    mirror: Mirror
    registration: Registration

    async def register(self, wanted: CreateClient, caller: Client | None) -> str:
        """Make a client where and with the scopes that the registration mode says; return its id.

        `caller` is who asks; only the mode `admin` has one.

        Raises:
            BadRequest: the username or the e-mail is taken.
            Forbidden: registration is closed, or the caller asks for more than it has.
            Unprocessable: scopes were named where the mode gives them.
        """
        if self.registration == "closed":
            raise Forbidden("Registration is closed.", code="registration_closed")
        if caller is not None:
            workspace, scopes = caller.workspace, _delegated(wanted, caller)
        elif wanted.scopes is not None:
            raise _scopes_not_wanted()
        elif self.registration == "isolated":
            workspace, scopes = f"w-{uuid.uuid4().hex}", EVERY_SCOPE
        else:
            workspace, scopes = workspaces.DEFAULT, SHARED_SCOPES
        return await clients.create_client(
            self.database,
            self.passwords,
            wanted,
            workspace=workspace,
            scopes=scopes,
            new_workspace=self.registration == "isolated",
        )

    async def login(self, username: str, password: str, *, scope: str = "") -> Issued:
        """Return a token for the client with this name and password (grant `password`).

        Raises:
            BadRequest: wrong name or password, told in the same words after the same time; or a
                scope that the client does not have.
        """
        at = time.time()  # before the read, see `clients.rotate_secret`
        async with self.database.reading(EVERY_WORKSPACE) as connection:
            account = await repository.find_by_username(connection, username)
        return await self._issue(account, password, scope=scope, at=at)

    async def login_by_id(self, client_id: str, secret: str, *, scope: str = "") -> Issued:
        """Return a token for the client with this id and secret (grant `client_credentials`).

        Raises:
            BadRequest: as `login`.
        """
        at = time.time()
        async with self.database.reading(EVERY_WORKSPACE) as connection:
            account = await repository.find_by_id(connection, client_id)
        return await self._issue(account, secret, scope=scope, at=at)

    async def _issue(
        self, account: Account | None, secret: str, *, scope: str, at: float
    ) -> Issued:
        hashed = account.secret_hash if account else None
        if not await self.passwords.verify(secret, hashed) or account is None:
            raise BadRequest("Incorrect username or password", code="invalid_grant")
        scopes = _granted(account, scope)
        token = self.signer.issue(
            client_id=account.client_id, workspace=account.workspace, scopes=scopes, at=at
        )
        return Issued(
            access_token=token, expires_in=int(self.signer.lifetime), scope=render(scopes)
        )

    async def revoke(self, token: str, caller: Client) -> None:
        """End a token of the caller, or with `clients:admin` any of its workspace.

        One that does not hold, or belongs to another workspace, is none: nothing happens.

        Raises:
            Forbidden: the token is another client's.
        """
        try:
            client = await self.verifier.resolve(token)
        except InvalidToken:
            return
        if client.workspace != caller.workspace:
            return
        if client.client_id != caller.client_id and Scope.CLIENTS_ADMIN not in caller.scopes:
            raise Forbidden("The token belongs to another client.", code="insufficient_scope")
        async with self.database.transaction(caller.workspace) as connection:
            # A second more, so that no rounding on the way can leave it holding.
            until = client.expires_at + 1
            await repository.revoke(connection, caller.workspace, [client.jti], until=until)
        await self.mirror.sync()

    async def list_clients(self, caller: Client, *, limit: int, after: str) -> Sequence[Account]:
        """Return up to `limit` clients of the caller's workspace whose id follows `after`."""
        return await clients.list_clients(self.database, caller.workspace, limit=limit, after=after)

    async def delete_client(self, client_id: str, caller: Client) -> None:
        """Delete a client of the caller's workspace, and end its tokens.

        Raises:
            NotFound: the workspace has no such client.
        """
        await clients.delete_client(self.database, caller.workspace, client_id)
        await self.mirror.sync()

    async def rotate_secret(self, client_id: str, caller: Client) -> str:
        """Return a new secret for the caller or, with `clients:admin`, for a client of its workspace.

        Raises:
            Forbidden: another's secret without `clients:admin`, or of a client with scopes that the
                caller lacks: who knows a secret has its scopes.
            NotFound: the workspace has no such client.
        """
        if client_id != caller.client_id:
            if Scope.CLIENTS_ADMIN not in caller.scopes:
                raise Forbidden("The client is another one.", code="insufficient_scope")
            account = await clients.find_client(self.database, caller.workspace, client_id)
            _refuse_more_than(caller, account.scopes)
        secret = await clients.rotate_secret(
            self.database,
            self.passwords,
            caller.workspace,
            client_id,
            lifetime=self.signer.lifetime,
        )
        await self.mirror.sync()
        return secret


def _delegated(wanted: CreateClient, caller: Client) -> frozenset[str]:
    if wanted.scopes is None:
        return ORDINARY_SCOPES & caller.scopes
    scopes = frozenset(wanted.scopes)
    _refuse_more_than(caller, scopes)
    return scopes


def _refuse_more_than(caller: Client, scopes: frozenset[str]) -> None:
    missing = scopes - caller.scopes
    if missing:
        raise Forbidden(f"The token lacks '{render(missing)}'.", code="insufficient_scope")


def _granted(account: Account, scope: str) -> frozenset[str]:
    scopes = parse(scope)
    if not scopes:
        return account.scopes
    if not scopes <= account.scopes:
        raise BadRequest("The client does not have every scope asked for.", code="invalid_scope")
    return scopes


def _scopes_not_wanted() -> Unprocessable:
    detail = {
        "field": "body.scopes",
        "message": "Extra inputs are not permitted",
        "type": "extra_forbidden",
    }
    return Unprocessable("The request does not fit: body.scopes.", details=[detail])
