"""Jobs on SAQ's PostgreSQL queue, with its tables in a schema of their own, and the signal that wakes a worker at once.

A job that is lost with its worker is not retried: it has no arguments, and the next tick adds another.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool
from saq.queue.postgres import PostgresQueue

from application.storage import StorageUnavailable
from application.synchronisation.scheduling import Job

log = structlog.get_logger(__name__)

SCHEMA = "saq"


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """Limits of the queue's connections. Durations are in seconds; the order is in entrypoints/limits.py."""

    connections: int = 2
    connect: float = 2.0
    pool_wait: float = 2.0
    statement: float = 5.0


def postgres_queue(dsn: str, limits: QueueLimits, *, lock_keyspace: int = 0) -> PostgresQueue:
    """Make SAQ's queue, not connected yet.

    While a process that connected with a `lock_keyspace` lives, no other process with the same one can migrate SAQ's
    tables; so `aggregator migrate` has a keyspace of its own.
    """
    pool = AsyncConnectionPool(
        dsn,
        open=False,
        timeout=limits.pool_wait,
        # It gives up and starts afresh at the next call, instead of waiting ever longer between its own attempts.
        reconnect_timeout=limits.pool_wait,
        check=AsyncConnectionPool.check_connection,
        kwargs={
            "options": f"-c search_path={SCHEMA} -c statement_timeout={limits.statement * 1000:.0f}",
            "connect_timeout": round(limits.connect),
        },
    )
    return PostgresQueue(
        pool,
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
