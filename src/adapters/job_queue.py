"""Jobs on SAQ's PostgreSQL queue, with its tables in a schema of their own, and the signal that wakes a worker at once.

A job that is lost with its worker is not retried: it has no arguments, and the next tick adds another.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool
from saq.job import Job as SaqJob
from saq.queue.postgres import PostgresQueue
from saq.queue.postgres_migrations import get_migrations

from adapters.queue_connections import TROUBLE, QueueLimits, make_pool
from application.clock_watch import TOLERANCE
from application.storage import StorageUnavailable
from application.synchronisation.scheduling import Job

log = structlog.get_logger(__name__)

LONGEST_WAIT = 600
"""Seconds that a job may be put off at most; the rarest cron job comes every five minutes."""
SECONDS_BETWEEN_ATTEMPTS = 1.0
SECONDS_FOR_TABLES = 60.0

_MISDATED = """
    DELETE FROM saq_jobs
    WHERE scheduled > extract(epoch FROM now()) + %(longest_wait)s
    OR status <> 'queued' AND (convert_from(job, 'UTF8')::jsonb ->> 'started')::bigint
        > (extract(epoch FROM now()) + %(tolerance)s) * 1000
"""


class PatientQueue(PostgresQueue):
    """A queue that gives out no job and sweeps none while `idle` returns true.

    SAQ goes by the process's clock: with one that is ahead, jobs of others look stuck, and future jobs look due.
    While the database is in trouble its workers pause: SAQ would ask again without a pause.
    """

    def __init__(self, pool: AsyncConnectionPool[Any], idle: Callable[[], bool], **options: Any) -> None:
        super().__init__(pool, **options)
        self._idle = idle

    async def dequeue(self, timeout: float = 0.0, poll_interval: float = 0.0) -> SaqJob | None:  # noqa: ASYNC109 - SAQ's own signature
        try:
            return await super().dequeue(timeout, poll_interval)
        except psycopg.errors.ReadOnlySqlTransaction:
            # New connections may find the new primary.
            await self.pool.drain()
        except TROUBLE:
            pass
        await asyncio.sleep(SECONDS_BETWEEN_ATTEMPTS)
        return None

    async def sweep(self, lock: int = 60, abort: float = 5.0) -> list[str]:
        return [] if self._idle() else await super().sweep(lock, abort)

    async def _dequeue(self) -> None:
        # Every way to a job leads through here; SAQ's own timer comes back every few seconds.
        if not self._idle():
            await super()._dequeue()

    async def tables_are_current(self) -> bool:
        """Whether the tables are those of the installed SAQ."""
        async with self.pool.connection() as connection:
            found = await (await connection.execute("SELECT to_regclass('saq_versions') IS NOT NULL")).fetchone()
            if found is None or not found[0]:
                return False
            version = await (await connection.execute("SELECT version FROM saq_versions")).fetchone()
        newest = get_migrations(self.jobs_table, self.stats_table)[-1][0]
        return version is not None and version[0] >= newest


def postgres_queue(
    dsn: str, limits: QueueLimits, *, lock_keyspace: int = 0, idle: Callable[[], bool] = lambda: False
) -> PatientQueue:
    """Make SAQ's queue, not connected yet. While `idle` returns true, it gives out no jobs.

    While a process that connected with a `lock_keyspace` lives, no other process with the same one can migrate SAQ's
    tables; so `aggregator migrate` has a keyspace of its own.
    """
    return PatientQueue(
        make_pool(dsn, limits),
        idle,
        name="aggregator",
        min_size=1,
        max_size=limits.connections,
        saq_lock_keyspace=lock_keyspace,
        manage_pool_lifecycle=True,
    )


async def connect_queue(queue: PostgresQueue) -> None:
    """Connect, or leave nothing behind.

    Raises:
        StorageUnavailable: the database cannot be reached, or the role may not use the queue.
    """
    async with _translated_errors(queue):
        try:
            await queue.connect()
        except BaseException:
            await queue.pool.close()
            raise


async def create_queue_tables(dsn: str) -> None:
    """Bring SAQ's tables to the version of the installed SAQ; its schema exists already.

    Needs one connection. SAQ lets one caller do it, and does not make the others wait: this function does.

    Raises:
        StorageUnavailable: the database cannot be reached, or the other caller takes too long.
    """
    queue = postgres_queue(dsn, QueueLimits(connections=1), lock_keyspace=1)
    await connect_queue(queue)
    async with _translated_errors(queue):
        try:
            async with asyncio.timeout(SECONDS_FOR_TABLES):
                while not await queue.tables_are_current():
                    await asyncio.sleep(SECONDS_BETWEEN_ATTEMPTS)
                    await queue.init_db()
        finally:
            await queue.disconnect()


class SaqJobQueue:
    """Jobs that any worker takes; each is given up `job_seconds` after its start."""

    def __init__(self, queue: PostgresQueue, job_seconds: float) -> None:
        self._queue = queue
        self._job_seconds = round(job_seconds)

    async def waiting(self) -> int:
        async with _translated_errors(self._queue):
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
        async with _translated_errors(self._queue), self._queue.pool.connection() as connection:
            await connection.execute(_MISDATED, limits)

    async def put(self, job: Job) -> None:
        await self._put(job)

    async def put_once(self, job: Job) -> None:
        """Add the job unless one that this method added waits or runs already."""
        await self._put(job, key=f"once:{job}")

    async def _put(self, job: Job, **key: str) -> None:
        async with _translated_errors(self._queue):
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


@contextlib.asynccontextmanager
async def _translated_errors(queue: PostgresQueue) -> AsyncIterator[None]:
    try:
        yield
    except psycopg.errors.ReadOnlySqlTransaction as error:
        # New connections may find the new primary.
        await queue.pool.drain()
        raise StorageUnavailable("the database is read-only") from error
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName) as error:
        raise StorageUnavailable("the role of DATABASE_URL lacks a right on the schema saq") from error
    except TROUBLE as error:
        raise StorageUnavailable("the job queue cannot be reached") from error
