"""The way to PostgreSQL: engines with time limits, and connections and sessions lent in the order of asking."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from adapters.postgres.errors import is_read_only, translate_errors_of, translated, unreachable_translated
from adapters.postgres.new_connection import Keepalive, OpenConnection
from adapters.postgres.pool import FairPool, pool_of, queue_of


@dataclass(frozen=True, slots=True)
class DatabaseLimits:
    """Limits of one engine. Durations are in seconds; their order is in entrypoints/limit_order.py."""

    connections: int = 10
    reserved: int = 0
    """Further connections, for readiness alone: it must not compete with callers for one."""
    waiting: int = 400
    """Callers that may wait for a connection."""
    statement: float = 2.0
    """One statement, on the server."""
    lock: float = 1.0
    """Waiting for a row that another transaction has locked."""
    idle_in_transaction: float = 5.0
    connect: float = 2.0
    pool_wait: float = 1.0
    """Waiting for a connection of the pool."""
    answer_margin: float = 1.0
    """An answer may come this much later than the statement's limit: a server that is gone ends no statement."""
    keepalive: Keepalive = field(default_factory=Keepalive)
    close: float = 2.0
    """Saying goodbye to the server when the process ends."""


_OPENS = "opens"


def create_engine(dsn: str, limits: DatabaseLimits, *, pooled: bool = False, watched: bool = False) -> AsyncEngine:
    """Make an engine whose connections bound statements, lock waits and idle transactions.

    `pooled` says that the way to the server leads through a pooler of transactions. Trouble is logged, unless something
    else watches the engine.
    """
    settings = {
        "application_name": "product-aggregator",
        "statement_timeout": f"{limits.statement * 1000:.0f}",
        "lock_timeout": f"{limits.lock * 1000:.0f}",
        "idle_in_transaction_session_timeout": f"{limits.idle_in_transaction * 1000:.0f}",
        "jit": "off",
        # Starting a helper process takes longer than any of our statements should.
        "max_parallel_workers_per_gather": "0",
        # JSON that the server writes shows times in this zone.
        "timezone": "UTC",
    }

    opens = OpenConnection(
        dsn,
        settings,
        seconds=limits.connect,
        answer_seconds=limits.statement + limits.answer_margin,
        keepalive=limits.keepalive,
        pooled=pooled,
        watched=watched,
        opened=lambda read_only: pool_of(engine).note_read_only(read_only=read_only),
    )
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=opens,
        execution_options={_OPENS: opens},
        poolclass=FairPool,
        pool_size=limits.connections + limits.reserved,
        reserved=limits.reserved,
        max_overflow=0,
        waiting=limits.waiting,
        patience=limits.pool_wait,
    )
    # The pool is another one after the engine has been disposed of.
    event.listen(engine.sync_engine, "connect", lambda *opened: pool_of(engine).note_opening(*opened))
    event.listen(engine.sync_engine, "checkout", lambda *lent: pool_of(engine).refuse_lost(*lent[:2]))
    event.listen(engine.sync_engine, "handle_error", _note_trouble)
    translate_errors_of(engine)
    return engine


def for_single_statements(engine: AsyncEngine) -> AsyncEngine:
    """Return the engine for reads of one statement, around which a transaction would cost two round trips more.

    Behind a pooler of transactions there is one all the same: it carries the limits.
    """
    return engine if opener_of(engine).pooled else engine.execution_options(isolation_level="AUTOCOMMIT")


def opener_of(engine: AsyncEngine) -> OpenConnection:
    """Return the opener of the engine's connections."""
    opens: OpenConnection = engine.sync_engine.get_execution_options()[_OPENS]
    return opens


async def close_engine(engine: AsyncEngine, seconds: float) -> None:
    """Close all connections; cut those to a server that does not answer."""
    pool = pool_of(engine)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await engine.dispose()
    pool.hang_up()


@asynccontextmanager
async def connect(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Lend a connection; leaving without a commit rolls back."""
    queue = queue_of(engine)
    with unreachable_translated():
        await queue.enter()
    try:
        with unreachable_translated():
            connection = await engine.connect()
        try:
            yield connection
        finally:
            with unreachable_translated():
                await connection.close()
    finally:
        queue.leave()


@asynccontextmanager
async def open_session(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    """Lend a session over one connection; leaving without a commit rolls back."""
    async with connect(engine) as connection:
        session = AsyncSession(connection, expire_on_commit=False)
        try:
            yield session
        finally:
            with unreachable_translated():
                await session.close()


async def fetch(engine: AsyncEngine, sql: str, values: Sequence[object]) -> "list[asyncpg.Record]":
    """Execute one statement in autocommit by the driver itself, which takes a quarter of a session's time."""
    queue = queue_of(engine)
    with unreachable_translated():
        await queue.enter()
    try:
        with unreachable_translated():
            lent = await engine.raw_connection()
        answered = False
        try:
            rows: list[asyncpg.Record] = await cast("Any", lent.driver_connection).fetch(sql, *values)
            answered = True
        except Exception as error:
            answered = isinstance(error, asyncpg.PostgresError)
            _note(error, pool_of(engine))
            raise translated(error) or error from error
        finally:
            # Without an answer the driver may still be busy with the connection: it must not be lent again.
            if not answered:
                lent.invalidate()
            lent.close()
    finally:
        queue.leave()
    return rows


def _note_trouble(context: ExceptionContext) -> None:
    if context.engine is not None:
        _note(context.original_exception, cast("FairPool", context.engine.pool))


def _note(error: BaseException, pool: FairPool) -> None:
    if isinstance(error, TimeoutError):
        pool.distrust()
    elif is_read_only(error):
        pool.note_read_only(read_only=True)
        pool.renew_next()
