"""Jobs on SAQ's PostgreSQL queue, with its tables in a schema of their own, and the signal that wakes a worker at once.

A job that is lost with its worker is not retried: it has no arguments, and the next tick adds another.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool
from saq.queue.postgres import PostgresQueue

from application.clock_watch import TOLERANCE
from application.storage import StorageUnavailable
from application.synchronisation.scheduling import Job

log = structlog.get_logger(__name__)

SCHEMA = "saq"
LONGEST_WAIT = 600
"""Seconds that a job may be put off at most; the rarest cron job comes every five minutes."""


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Limits of the queue's connections. Durations are in seconds; the order is in entrypoints/limits.py."""

    connections: int = 2
    connect: float = 2.0
    pool_wait: float = 2.0
    statement: float = 5.0
    lent: float = 15.0
    """For which a connection may be lent, the one that listens for jobs included."""
    listening: float = 10.0
    """For which one connection listens for jobs, before another may."""


class BoundedPool(AsyncConnectionPool):
    """A pool that hangs up on connections which are lent for too long.

    A server that stops answering would hold its caller for ever, because psycopg waits for the answer to a cancelled
    statement too. A closed socket ends every wait.
    """

    def __init__(self, dsn: str, *, lent: float, **options: object) -> None:
        self._lent = lent
        super().__init__(dsn, check=self._check, **options)  # type: ignore[arg-type]

    @contextlib.asynccontextmanager
    async def connection(  # psycopg's own signature
        self,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> "AsyncIterator[psycopg.AsyncConnection]":
        """Lend a connection, for a bounded time."""
        async with super().connection(timeout) as connection:
            with self._bounded(connection):
                yield connection

    async def _check(self, connection: psycopg.AsyncConnection) -> None:
        with self._bounded(connection):
            await self.check_connection(connection)

    @contextlib.contextmanager
    def _bounded(self, connection: psycopg.AsyncConnection) -> Iterator[None]:
        ending = asyncio.get_running_loop().call_later(self._lent, _hang_up, connection)
        try:
            yield
        finally:
            ending.cancel()


def _hang_up(connection: psycopg.AsyncConnection) -> None:
    if connection.closed:
        return
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as shared:
        shared.shutdown(socket.SHUT_RDWR)


_MISDATED = """
    DELETE FROM saq_jobs
    WHERE scheduled > extract(epoch FROM now()) + %(longest_wait)s
    OR status <> 'queued' AND (convert_from(job, 'UTF8')::jsonb ->> 'started')::bigint
        > (extract(epoch FROM now()) + %(tolerance)s) * 1000
"""


class _IdleQueue(PostgresQueue):
    """A queue from which nothing is taken, and in which nothing is swept, while `idle` says so.

    SAQ goes by the process's clock: with one that is ahead, jobs of others look stuck, and those to come look due.
    """

    def __init__(self, pool: AsyncConnectionPool, idle: Callable[[], bool], **options: Any) -> None:
        super().__init__(pool, **options)
        self._idle = idle

    async def sweep(self, lock: int = 60, abort: float = 5.0) -> list[str]:
        return [] if self._idle() else await super().sweep(lock, abort)

    async def _dequeue(self) -> None:
        # Every way to a job leads through here; SAQ's own timer comes back every few seconds.
        if not self._idle():
            await super()._dequeue()


def postgres_queue(
    dsn: str, limits: QueueLimits, *, lock_keyspace: int = 0, idle: Callable[[], bool] = lambda: False
) -> PostgresQueue:
    """Make SAQ's queue, not connected yet. While `idle` returns true, it gives out no jobs.

    While a process that connected with a `lock_keyspace` lives, no other process with the same one can migrate SAQ's
    tables; so `aggregator migrate` has a keyspace of its own.
    """
    pool = BoundedPool(
        dsn,
        lent=limits.lent,
        open=False,
        timeout=limits.pool_wait,
        # It gives up and starts afresh at the next call, instead of waiting ever longer between its own attempts.
        reconnect_timeout=limits.pool_wait,
        kwargs={
            "options": f"-c search_path={SCHEMA} -c statement_timeout={limits.statement * 1000:.0f}",
            "connect_timeout": round(limits.connect),
            # A network that forgets a connection says nothing; these make the system ask.
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": round(limits.lent * 1000),
        },
    )
    return _IdleQueue(
        pool,
        idle,
        name="aggregator",
        min_size=1,
        max_size=limits.connections,
        saq_lock_keyspace=lock_keyspace,
        manage_pool_lifecycle=True,
    )


async def create_queue_tables(dsn: str) -> None:
    """Bring SAQ's tables to the version of the installed SAQ; its schema exists already.

    Raises:
        StorageUnavailable: the database cannot be reached.
    """
    queue = postgres_queue(dsn, QueueLimits(connections=1), lock_keyspace=1)
    with _translated_errors():
        try:
            await queue.connect()
        finally:
            await queue.disconnect()


class SaqJobQueue:
    """Jobs that any worker takes; each is given up `job_seconds` after its start."""

    def __init__(self, queue: PostgresQueue, job_seconds: float) -> None:
        self._queue = queue
        self._job_seconds = round(job_seconds)

    async def waiting(self) -> int:
        with _translated_errors():
            return await self._queue.count("queued")

    async def state(self) -> str:
        """Return `ok` if the queue answers.

        Raises:
            StorageUnavailable
        """
        await self.waiting()
        return "ok"

    async def remove_misdated(self) -> None:
        """Remove jobs that a process whose clock was ahead has put off or begun, by the database's clock.

        Under a key they would keep every later job with that key away.
        """
        limits = {"longest_wait": LONGEST_WAIT, "tolerance": TOLERANCE.total_seconds()}
        with _translated_errors():
            async with self._queue.pool.connection() as connection:
                await connection.execute(_MISDATED, limits)

    async def put(self, job: Job) -> None:
        await self._put(job)

    async def put_once(self, job: Job) -> None:
        """Add the job unless one that this method added waits or runs already."""
        await self._put(job, key=f"once:{job}")

    async def _put(self, job: Job, **key: str) -> None:
        with _translated_errors():
            await self._queue.enqueue(job.value, timeout=self._job_seconds, retries=1, ttl=-1, **key)


SECONDS_BETWEEN_SIGNALS = 0.1


class SaqRegistrationSignal:
    """Adds a registration job at once, or soon after the last one; calls in between make one job together."""

    def __init__(self, queue: SaqJobQueue) -> None:
        self._queue = queue
        self._wanted = asyncio.Event()
        self._closed = False

    def __call__(self) -> None:
        self._wanted.set()

    def close(self) -> None:
        """End `run` after one last signal."""
        self._closed = True
        self._wanted.set()

    async def run(self) -> None:
        """Serve the calls until closed. A signal that fails is dropped: the next tick does its work."""
        while not self._closed:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._queue.put_once(Job.SUBMIT_REGISTRATIONS)
            except StorageUnavailable as error:
                log.warning("registration signal dropped", reason=str(error))
            except Exception:
                log.exception("registration signal failed")
            await asyncio.sleep(SECONDS_BETWEEN_SIGNALS)


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
        raise StorageUnavailable("the job queue cannot be reached") from error
    except (psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.InsufficientPrivilege) as error:
        raise StorageUnavailable("the job queue cannot be written: read-only, or a right is missing") from error
