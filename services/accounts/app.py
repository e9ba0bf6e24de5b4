"""The process of accounts: `uvicorn services.accounts.app:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from services.accounts.config import AccountsSettings
from services.accounts.endpoints import router
from services.accounts.limits import limits
from services.accounts.mirror import mirroring
from services.accounts.service import Accounts
from services.security.keys import LocalKeys, keep_fresh
from services.security.passwords import Passwords
from services.security.tokens import TokenSigner, TokenVerifier
from services.web.application import Service, create_app
from services.web.resources import Resources


@asynccontextmanager
async def start(app: FastAPI, resources: Resources) -> AsyncIterator[None]:
    """Read the signing keys, and keep Redis told of what is revoked."""
    settings, platform = AccountsSettings(), resources.settings
    issuer, audience = platform.issuer, platform.audience
    keys = LocalKeys(platform.keys)
    database, cache = await resources.database(), await resources.cache()
    async with AsyncExitStack() as stack:
        passwords = Passwords()
        stack.callback(passwords.close)
        await stack.enter_async_context(keep_fresh(keys))
        mirror = await stack.enter_async_context(mirroring(database, cache))
        app.state.signing_keys = keys
        app.state.accounts_limits = limits(settings)
        app.state.accounts = Accounts(
            database=database,
            passwords=passwords,
            signer=TokenSigner(
                keys, issuer=issuer, audience=audience, lifetime=settings.token_lifetime
            ),
            verifier=TokenVerifier(keys, issuer=issuer, audience=audience),
            mirror=mirror,
            registration=settings.registration,
        )
        yield


service = Service(name="accounts", title="accounts", routers=[router], start=start)
app = create_app(service)
