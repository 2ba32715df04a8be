"""Whether a process that serves can do its work: the state of each dependency."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass, replace

from application.storage import StorageUnavailable

OK = "ok"
UNAVAILABLE = "unavailable"
OUTDATED = "outdated"
READ_ONLY = "read-only"
STOPPING = "stopping"
DIFFERS = "differs"


@dataclass(slots=True)
class Stopping:
    """Whether the process was asked to end: it still answers requests, but load balancers should send no more."""

    requested: bool = False


@dataclass(frozen=True, slots=True)
class Readiness:
    """The state of each dependency; `offers_service` is that of its access token, which serving does not need.

    `clock` is `differs` while this process's clock is more than a minute from the database's.
    """

    status: str
    database: str
    migrations: str
    queue: str
    offers_service: str
    clock: str


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The checks of the dependencies, each of which returns a state or raises StorageUnavailable."""

    migrations: Callable[[], Awaitable[str]]
    queue: Callable[[], Awaitable[str]]
    access_token: Callable[[], Awaitable[str]]
    clock: Callable[[], Awaitable[str]]
    patience: float
    """Seconds for one check."""

    async def check(self) -> Readiness:
        """Run all checks at once, each within a bounded time."""
        checks = (self.migrations, self.queue, self.access_token, self.clock)
        migrations, queue, offers, clock = await asyncio.gather(*(self._state(check()) for check in checks))
        return Readiness(
            status=OK if migrations == OK else UNAVAILABLE,
            database=migrations if migrations in (UNAVAILABLE, READ_ONLY) else OK,
            migrations=OK if migrations == READ_ONLY else migrations,
            queue=queue,
            offers_service=offers,
            clock=clock,
        )

    async def _state(self, check: Awaitable[str]) -> str:
        running = asyncio.ensure_future(check)
        # A cancelled check is not awaited either: it may be closing a connection to a server that does not respond.
        done, _ = await asyncio.wait([running], timeout=self.patience)
        if not done:
            running.cancel()
            return UNAVAILABLE
        try:
            return running.result()
        except StorageUnavailable:
            return UNAVAILABLE


class SharedCheck:
    """Runs one check at a time; all probes that arrive while it runs share its result."""

    def __init__(self, dependencies: Dependencies, stopping: Stopping) -> None:
        self._dependencies = dependencies
        self._stopping = stopping
        self._running: asyncio.Task[Readiness] | None = None

    async def __call__(self) -> Readiness:
        """Return the state of the dependencies, as of now or of the check under way."""
        if self._running is None or self._running.done():
            self._running = asyncio.get_running_loop().create_task(self._dependencies.check(), context=Context())
        # A probe that hangs up must not end the check of the others.
        readiness = await asyncio.shield(self._running)
        return replace(readiness, status=STOPPING) if self._stopping.requested else readiness
