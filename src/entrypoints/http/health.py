"""Whether the process is alive, and whether it can do its work."""

import msgspec
from litestar import Controller, Response, get

from entrypoints.http.conditional_reads import NO_STORE
from entrypoints.http.problems.problem_types import problems
from entrypoints.http.route_declarations import Declaration, Injected, answer, answers, declared
from entrypoints.readiness import OK, OUTDATED, STOPPING, UNAVAILABLE, Readiness, SharedCheck

_READY = answer(Readiness, "It can", Readiness(OK, OK, OK, OK, OK, OK))
_NOT_READY = answers(
    Readiness,
    "It cannot",
    {
        "The database cannot serve": Readiness(UNAVAILABLE, OK, OUTDATED, OK, OK, OK),
        "The process stops": Readiness(STOPPING, OK, OK, OK, OK, OK),
    },
)


class Liveness(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str = OK


class HealthController(Controller):
    """For probes and operators."""

    path = "/health"
    tags = ("health",)

    @get(
        "/live",
        operation_id="isLive",
        summary="Does the process answer?",
        opt=declared(Declaration(public=True, ignores_query=True, no_store=True)),
        response_headers=NO_STORE,
        responses={200: answer(Liveness, "It does", Liveness())} | problems(),
    )
    async def live(self) -> Liveness:
        """Answer, without asking anything else."""
        return Liveness()

    @get(
        "/ready",
        operation_id="isReady",
        summary="Can the service do its work?",
        opt=declared(Declaration(public=True, ignores_query=True, no_store=True)),
        responses={200: _READY, 503: _NOT_READY} | problems(),
    )
    async def ready(self, shared_check: Injected[SharedCheck]) -> Response[Readiness]:
        """Report each dependency; 503 without a writable database that fits the release, or while the process stops."""
        readiness = await shared_check()
        status = 200 if readiness.status == OK else 503
        return Response(readiness, status_code=status, headers=NO_STORE)
