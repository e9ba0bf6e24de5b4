"""One engine per process, one transaction per request or message.

Row-level security: every transaction on PostgreSQL says for which workspace it works
(`akin.workspace`), and the policies of the migrations let it see nothing else, also when a query
forgets its condition. A transaction that says nothing sees nothing. SQLite has no such thing; there
the conditions of the queries alone hold.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import TextClause, event, text
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.away import Away

EVERY_WORKSPACE = "*"  # workers, training, migrations, and signing in, before a workspace is known
POOL_SIZE = 10  # connections per process: PostgreSQL's default of 100 then serves ten processes
POOL_TIMEOUT = 5.0  # seconds to wait for a free connection before the caller is told 503
CONNECT_TIMEOUT = 5.0  # seconds; a server that does not answer by then is away
COMMAND_TIMEOUT = 5.0  # seconds for one statement: who waits for an answer is told 503 by then
BULK_TIMEOUT = 60.0  # seconds for one statement of training, imports and migrations
SNAPSHOT = "REPEATABLE READ"  # PostgreSQL: all queries see the state as of the first one
LOCK_TIMEOUT = 15.0  # seconds an SQLite writer waits for another process to finish

_set_workspace = text("SELECT set_config('akin.workspace', :workspace, true)")
_set_workspace_lazily = text(
    "SELECT set_config('akin.workspace', :workspace, true), "
    "set_config('synchronous_commit', 'off', true)"
)
# SQLite syncs its log at a commit with FULL (2 ms), and only now and then with NORMAL (0.06 ms). What the
# journal has handed over for good must be in the table for good: hence FULL.
_begin_durable = ("PRAGMA synchronous=FULL", "BEGIN IMMEDIATE")
_begin_lazily = ("PRAGMA synchronous=NORMAL", "BEGIN IMMEDIATE")


class DatabaseUnavailable(Away):
    """The database does not answer, or closed the connection; nothing was committed for certain."""


class Database:
    """An open database. `async with database.transaction(workspace) as connection: …`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        # The same pool. A cleanup between two queries must not tear apart what a reader sees; in
        # SQLite every transaction is a snapshot.
        self._snapshots = (
            engine if self.is_sqlite else engine.execution_options(isolation_level=SNAPSHOT)
        )
        # SQLite has one writer at a time: waiting here is fair and costs no busy loop.
        self._writing = asyncio.Lock() if self.is_sqlite else None

    @asynccontextmanager
    async def transaction(
        self, workspace: str, *, durable: bool = True
    ) -> AsyncIterator[AsyncConnection]:
        """Give a connection in a transaction for `workspace`; commit at the end, roll back on an error.

        Without `durable` the commit does not wait for the disk: a crash of the server (of the machine, for
        SQLite) may lose the last moments, never a part of one transaction.

        Raises:
            DatabaseUnavailable: the server is away; the transaction may be repeated.
        """
        if self._writing is None:
            setting = _set_workspace if durable else _set_workspace_lazily
            async with self._begin(workspace, setting=setting) as connection:
                yield connection
            return
        begin = _begin_durable if durable else _begin_lazily
        async with self._writing, self._begin(workspace, begin) as connection:
            yield connection

    @asynccontextmanager
    async def reading(self, workspace: str) -> AsyncIterator[AsyncConnection]:
        """Give a connection that sees one consistent state of `workspace`; for reads only."""
        async with self._begin(workspace, engine=self._snapshots) as connection:
            yield connection

    @asynccontextmanager
    async def _begin(
        self,
        workspace: str,
        begin: Sequence[str] = ("BEGIN",),
        *,
        setting: TextClause = _set_workspace,
        engine: AsyncEngine | None = None,
    ) -> AsyncIterator[AsyncConnection]:
        with _availability():
            async with (engine or self.engine).connect() as connection:
                if self.is_sqlite:
                    for statement in begin:
                        await connection.exec_driver_sql(statement)
                else:
                    await connection.execute(setting, {"workspace": workspace})
                yield connection
                await connection.commit()

    async def check(self) -> None:
        """Return when the database answers; raise `DatabaseUnavailable` otherwise."""
        with _availability():
            async with asyncio.timeout(CONNECT_TIMEOUT), self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))


@contextmanager
def _availability() -> Iterator[None]:
    """Turn what drivers raise when a server is away into one error; leave a query's mistakes alone."""
    try:
        yield
    except Away:  # ours, also of another room: what the caller does inside may say so
        raise
    except PoolTimeout as error:
        raise DatabaseUnavailable("All connections to the database are in use.") from error
    except DBAPIError as error:
        if not error.connection_invalidated and not _passes(error):
            raise
        raise DatabaseUnavailable(
            f"The database is away or busy: {type(error.orig).__name__}."
        ) from error
    except (OSError, TimeoutError) as error:
        reason = str(error) or type(error).__name__
        raise DatabaseUnavailable(f"The database does not answer: {reason}.") from error


def _passes(error: DBAPIError) -> bool:
    """Tell whether the reason passes by itself.

    PostgreSQL: the classes 08 (connection), 57P (shutting down, starting), 53 (out of resources) and 40
    (deadlock: it chose this transaction). SQLite: all but 1, the mistakes of a query.
    """
    if isinstance(error.orig, sqlite3.OperationalError):
        return getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR
    state = str(getattr(error.orig, "sqlstate", "") or "")
    return isinstance(error, InterfaceError | OperationalError) or state.startswith(
        ("08", "57P", "53", "40")
    )


@asynccontextmanager
async def connect(
    url: str, *, pool_size: int = POOL_SIZE, command_timeout: float = COMMAND_TIMEOUT
) -> AsyncIterator[Database]:
    """Open the database at `url` (`postgresql+asyncpg://…` or `sqlite+aiosqlite:///…`).

    No connection is made before the first transaction, so a service can start before its database. A
    statement gets `command_timeout` seconds (PostgreSQL); an SQLite file cannot be frozen.
    """
    engine = create_engine(url, pool_size=pool_size, command_timeout=command_timeout)
    try:
        yield Database(engine)
    finally:
        await engine.dispose()


def create_engine(
    url: str, *, pool_size: int = POOL_SIZE, command_timeout: float = COMMAND_TIMEOUT
) -> AsyncEngine:
    """Return an engine with the time-outs and the pragmas that this room promises."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed, pool_size)
    return _postgresql_engine(parsed, pool_size, command_timeout)


def _postgresql_engine(url: URL, pool_size: int, command_timeout: float) -> AsyncEngine:
    from services.database.leaving import Leaving  # noqa: PLC0415 - the embedded profile has no asyncpg

    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT,
        hide_parameters=True,  # what people did does not belong in logs
        pool_pre_ping=False,  # a round trip per request; a dead connection is found by its first use
        connect_args={
            "timeout": CONNECT_TIMEOUT,
            "command_timeout": command_timeout,
            "connection_class": Leaving,
        },
    )

    @event.listens_for(engine.sync_engine, "handle_error")
    def abandon(context: ExceptionContext) -> None:
        # A rollback on a connection that let a statement time out would wait as long again. The others
        # in the pool may be well: it may have been one slow statement.
        if isinstance(context.original_exception, TimeoutError):
            context.is_disconnect = True
            context.invalidate_pool_on_disconnect = False

    return engine


def _sqlite_engine(url: URL, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT,
        hide_parameters=True,  # what people did does not belong in logs
        connect_args={"timeout": LOCK_TIMEOUT},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # Transactions begin when we say so: the driver's own BEGIN comes too late for IMMEDIATE.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine
