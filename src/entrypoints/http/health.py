"""Whether the process lives, and whether it can do its work: each dependency by name."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

import msgspec
from litestar import Controller, Response, get
from litestar.openapi.datastructures import ResponseSpec
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.offers_api.access_token import SharedAccessToken
from adapters.postgres.schema import SchemaOutdated, require_schema
from application.ports import StorageUnavailable
from application.scheduling import JobQueue
from entrypoints.http.injection import Injected

OK = "ok"
UNAVAILABLE = "unavailable"
PATIENCE_SECONDS = 2.5


class Liveness(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str = OK


class Readiness(msgspec.Struct, frozen=True):
    """How the dependencies are; `offers_service` is the state of its access token, which serving does not need."""

    status: str
    database: str
    migrations: str
    queue: str
    offers_service: str


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What readiness asks."""

    engine: AsyncEngine
    queue: JobQueue
    access_token: SharedAccessToken

    async def check(self) -> Readiness:
        """Ask all dependencies at once, each within a bounded time."""
        migrations, queue, offers = await asyncio.gather(
            _state(require_schema(self.engine)), _state(self.queue.waiting()), _state(self.access_token.state())
        )
        database = UNAVAILABLE if migrations == UNAVAILABLE else OK
        return Readiness(
            status=OK if migrations == OK else UNAVAILABLE,
            database=database,
            migrations=migrations,
            queue=queue,
            offers_service=offers,
        )


class HealthController(Controller):
    """For probes and operators."""

    path = "/health"
    tags = ("health",)

    @get("/live", operation_id="isLive", summary="Does the process answer?")
    async def live(self) -> Liveness:
        """Answer, without asking anything else."""
        return Liveness()

    @get(
        "/ready",
        operation_id="isReady",
        summary="Can the service do its work?",
        responses={503: ResponseSpec(Readiness, description="The database cannot serve", generate_examples=False)},
    )
    async def ready(self, dependencies: Injected[Dependencies]) -> Response[Readiness]:
        """Report each dependency; 503 without the database or with one too old."""
        readiness = await dependencies.check()
        status = 200 if readiness.status == OK else 503
        return Response(readiness, status_code=status, headers={"Cache-Control": "no-store"})


async def _state(check: Awaitable[object]) -> str:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            found = await check
    except SchemaOutdated:
        return "outdated"
    except (StorageUnavailable, TimeoutError):
        return UNAVAILABLE
    return found if isinstance(found, str) else OK
