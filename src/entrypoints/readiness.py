"""Whether a process that serves can do its work: each dependency by name."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from dataclasses import dataclass

from adapters.postgres.schema import SchemaIncompatible, SchemaOutdated
from application.unit_of_work import StorageUnavailable

OK = "ok"
UNAVAILABLE = "unavailable"
OUTDATED = "outdated"
INCOMPATIBLE = "incompatible"


@dataclass(frozen=True, slots=True)
class Readiness:
    """How the dependencies are; `offers_service` is the state of its access token, which serving does not need."""

    status: str
    database: str
    migrations: str
    queue: str
    offers_service: str


@dataclass(frozen=True, slots=True)
class Dependencies:
    """How to ask each dependency, and the seconds to wait for its answer.

    They raise StorageUnavailable, `schema` SchemaError too; `access_token` returns the token's state.
    """

    schema: Callable[[], Awaitable[object]]
    waiting_jobs: Callable[[], Awaitable[int]]
    access_token: Callable[[], Awaitable[str]]
    patience: float = 2.5

    async def check(self) -> Readiness:
        """Ask all dependencies at once, each within a bounded time."""
        migrations, queue, offers = await asyncio.gather(
            self._state(self.schema()), self._state(self.waiting_jobs()), self._state(self.access_token())
        )
        return Readiness(
            status=OK if migrations == OK else UNAVAILABLE,
            database=UNAVAILABLE if migrations == UNAVAILABLE else OK,
            migrations=migrations,
            queue=queue,
            offers_service=offers,
        )

    async def _state(self, check: Awaitable[object]) -> str:
        asked = asyncio.ensure_future(check)
        # Nor waited for once it is given up: it may be busy with hanging up on a server that does not listen.
        done, _ = await asyncio.wait([asked], timeout=self.patience)
        if not done:
            asked.cancel()
            return UNAVAILABLE
        try:
            found = asked.result()
        except SchemaOutdated:
            return OUTDATED
        except SchemaIncompatible:
            return INCOMPATIBLE
        except StorageUnavailable:
            return UNAVAILABLE
        return found if isinstance(found, str) else OK


class SharedCheck:
    """Asks the dependencies once for all who come while it does, so that any number may."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._dependencies = dependencies
        self._under_way: asyncio.Task[Readiness] | None = None

    async def __call__(self) -> Readiness:
        """Return how the dependencies are, or have been when somebody else asked a moment ago."""
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.get_running_loop().create_task(self._dependencies.check(), context=Context())
        # Whoever hangs up takes nothing from the others.
        return await asyncio.shield(self._under_way)
