"""The connections of the job queue: SAQ's own pool of psycopg, in which no wait lasts for ever."""

import asyncio
import contextlib
import os
import socket
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL, Literal
from psycopg_pool import AsyncConnectionPool

Result = TypeVar("Result")

SCHEMA = "saq"
TROUBLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.InvalidSchemaName,
    OSError,
)
"""Errors that say nothing about the statement: the database is away, read-only, or lets this role do too little."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Limits of the queue's connections. Durations are in seconds; the order is in entrypoints/limit_order.py."""

    connections: int = 2
    connect: float = 2.0
    pool_wait: float = 2.0
    statement: float = 5.0
    answer_margin: float = 1.0
    """An answer may come this much later than the statement's limit: a server that is gone ends no statement."""
    check: float = 1.0
    """For the answer that proves a pooled connection, before it is lent."""
    listening: float = 10.0
    """For which one connection listens for jobs, before another may."""
    silence: int = 30
    """Without traffic before the kernel probes the peer; three probes without an answer, 10 s apart, end it."""
    unacknowledged: int = 30
    """What was sent waits at most this long for its acknowledgement (TCP_USER_TIMEOUT, RFC 5482)."""


class QueueConnection(psycopg.AsyncConnection[tuple[Any, ...]]):
    """A connection that hangs up on a server that does not answer a statement in time: the driver would wait for ever.

    A wait for notifications is no statement, and lasts as long as nothing comes.
    """

    answer_seconds = 6.0

    async def wait(self, gen: PQGen[Result], interval: float = 0.1, timeout: float | None = None) -> Result:  # noqa: ASYNC109 - the driver's own signature
        """Drive one exchange with the server.

        Raises:
            psycopg.OperationalError: the server did not answer, and the connection is closed.
        """
        timer = asyncio.get_running_loop().call_later(self.answer_seconds, self._hang_up)
        try:
            return await super().wait(gen, interval, timeout)
        finally:
            timer.cancel()

    def _hang_up(self) -> None:
        if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
            return
        # The driver then reads the end of the stream, and tidies up as after any lost connection.
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(self.pgconn.socket)) as connected:
            connected.shutdown(socket.SHUT_RDWR)


def make_pool(dsn: str, limits: QueueLimits) -> AsyncConnectionPool[Any]:
    """Make the pool, not opened yet."""
    answer_seconds = limits.statement + limits.answer_margin

    async def configure(connection: QueueConnection) -> None:
        connection.answer_seconds = answer_seconds
        # Not as options of the connection's start: PgBouncer refuses or ignores those.
        await connection.execute(
            SQL("SELECT set_config('search_path', {}, false), set_config('statement_timeout', {}, false)").format(
                Literal(SCHEMA), Literal(f"{limits.statement * 1000:.0f}")
            )
        )

    async def check(connection: QueueConnection) -> None:
        connection.answer_seconds = limits.check
        try:
            await pool.check_connection(connection)
        except psycopg.OperationalError:
            # The others were lost with it: checked one by one, with the pool's pauses between, they cost too long.
            await pool.drain()
            raise
        connection.answer_seconds = answer_seconds

    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        dsn,
        connection_class=QueueConnection,
        open=False,
        # The pool opens so many at once; SAQ sets the sizes only later.
        min_size=1,
        max_size=limits.connections,
        timeout=limits.pool_wait,
        # It gives up and starts afresh at the next call, instead of waiting ever longer between its own attempts.
        reconnect_timeout=limits.pool_wait,
        check=check,
        configure=configure,
        kwargs={
            "autocommit": True,
            "application_name": "product-aggregator queue",
            "connect_timeout": round(limits.connect),
            "keepalives_idle": limits.silence,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": limits.unacknowledged * 1000,
        },
    )
    return pool
