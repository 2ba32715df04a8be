"""The way to PostgreSQL: one DSN for every driver, engines with timeouts, and errors translated in one place."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import psycopg
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import CursorResult, Executable, PoolProxiedConnection
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from adapters.postgres.pool import FairPool, fair_pool
from application.unit_of_work import StorageContended, StorageUnavailable
from domain.errors import ProductAlreadyExists

REFUSED_BY_CONSTRAINT = {
    "pk_product": "id",
    "pk_insight": "id",
    "pk_synchronisation": "id",
    "uq_product_name": "name",
}
"""The field that is taken when this constraint is violated."""

UNAVAILABLE_SQLSTATES = ("08", "25P03", "40", "53", "55P03", "57")
"""Connection trouble, idle too long, rollback by conflict, no resources, lock timeout, operator and time limits."""
CONTENDED_SQLSTATES = ("40", "55P03")
"""Those of them that are about rows which others have."""

CONNECT_SECONDS = 2.0


def libpq_dsn(url: str) -> str:
    """Return the URL in the one form that asyncpg and psycopg both take, `postgresql://…` with libpq's parameters.

    Raises:
        ValueError: it is no PostgreSQL URL, or one that a driver cannot read.
    """
    scheme, _separator, rest = url.partition("://")
    if scheme not in ("postgres", "postgresql", "postgresql+asyncpg"):
        raise ValueError("no PostgreSQL URL")
    dsn = f"postgresql://{rest}"
    try:
        # What the drivers would stumble over later, and then repeat in their logs, password and all.
        _ = urlsplit(dsn).port, conninfo_to_dict(dsn)
    except (ValueError, psycopg.ProgrammingError):
        raise ValueError("no PostgreSQL URL with its special characters percent-encoded") from None
    return dsn


def create_engine(dsn: str, *, connections: int, statement_seconds: float) -> AsyncEngine:
    """Make an engine whose every connection bounds statements, lock waits and idle transactions."""
    settings = {
        "application_name": "product-aggregator",
        "statement_timeout": f"{statement_seconds * 1000:.0f}",
        "lock_timeout": "1000",
        "idle_in_transaction_session_timeout": "5000",
        "jit": "off",
        # Starting a process to help takes longer than any of our statements should.
        "max_parallel_workers_per_gather": "0",
        # JSON made by the server shows times in it.
        "timezone": "UTC",
    }

    async def connect() -> "asyncpg.Connection[asyncpg.Record]":
        # The server ends a statement that takes too long; a server that is gone needs a limit on our side.
        patience = statement_seconds + 1
        return await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, command_timeout=patience, server_settings=settings)

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        poolclass=FairPool,
        pool_size=connections,
        max_overflow=0,
    )


class Connection:
    """A connection whose calls raise what the ports promise."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def execute(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> CursorResult[Any]:
        """Execute one statement and fetch its rows."""
        with translated_errors():
            return await self._connection.execute(statement, parameters)

    async def commit(self) -> None:
        """Commit the transaction."""
        with translated_errors():
            await self._connection.commit()


@asynccontextmanager
async def connect(engine: AsyncEngine) -> AsyncIterator[Connection]:
    """Lend a connection; what was not committed when it is given back is rolled back."""
    pool = fair_pool(engine)
    with translated_errors():
        await pool.await_turn()
    try:
        with translated_errors():
            connection = await engine.connect()
        try:
            yield Connection(connection)
        finally:
            with translated_errors():
                await connection.close()
    finally:
        pool.end_turn()


async def fetch(engine: AsyncEngine, sql: str, values: Sequence[object]) -> "list[asyncpg.Record]":
    """Execute one statement in autocommit by the driver itself, which takes a quarter of the time."""
    pool = fair_pool(engine)
    with translated_errors():
        await pool.await_turn()
    try:
        with translated_errors():
            lent = await _lend(engine)
        sound = False
        try:
            rows = await _driver(lent).fetch(sql, *values)
            sound = True
        except asyncpg.PostgresError as error:
            sound = True
            if (error.sqlstate or "").startswith(UNAVAILABLE_SQLSTATES):
                raise StorageUnavailable("the database did not carry out a statement") from error
            raise
        except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            raise StorageUnavailable("the database cannot be reached") from error
        finally:
            # After anything but an answer the driver may still be busy with the connection: it is not lent again.
            _give_back(lent, sound=sound)
    finally:
        pool.end_turn()
    return rows


async def _lend(engine: AsyncEngine) -> PoolProxiedConnection:
    try:
        # The pool does not know of connections that the server has ended while nobody used them.
        while _driver(lent := await engine.raw_connection()).is_closed():
            _give_back(lent, sound=False)
    except AsyncAdapt_asyncpg_dbapi.Error as error:
        # Which SQLAlchemy makes of the driver's errors, and gives its own only where it executes itself.
        raise StorageUnavailable("the database cannot be reached") from error
    return lent


def _give_back(lent: PoolProxiedConnection, *, sound: bool) -> None:
    if not sound or _driver(lent).is_closed():
        lent.invalidate()
    lent.close()


def _driver(lent: PoolProxiedConnection) -> "asyncpg.Connection[asyncpg.Record]":
    driver: asyncpg.Connection[asyncpg.Record] | None = lent.driver_connection
    if driver is None:
        raise StorageUnavailable("a connection was lost")
    return driver


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn errors of the driver into refusals by the constraint's name, or into `StorageUnavailable`."""
    try:
        yield
    except DBAPIError as error:
        cause = getattr(error.orig, "__cause__", None)
        field = REFUSED_BY_CONSTRAINT.get(getattr(cause, "constraint_name", None) or "")
        if field is not None:
            raise ProductAlreadyExists(field) from error
        sqlstate = getattr(error.orig, "sqlstate", None) or ""
        if sqlstate.startswith(CONTENDED_SQLSTATES):
            raise StorageContended("a statement waited for others in vain") from error
        if error.connection_invalidated or sqlstate.startswith(UNAVAILABLE_SQLSTATES):
            raise StorageUnavailable("the database did not carry out a statement") from error
        raise
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StorageUnavailable("the database cannot be reached") from error
