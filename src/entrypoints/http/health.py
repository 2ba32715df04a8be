"""Whether the process lives, and whether it can do its work."""

import msgspec
from litestar import Controller, Response, get

from entrypoints.http.injection import Injected
from entrypoints.http.openapi import examples
from entrypoints.http.problems.problem_types import problems
from entrypoints.readiness import OK, Readiness, SharedCheck


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
        responses={200: examples.answer(Liveness, "It does", Liveness())} | problems(),
    )
    async def live(self) -> Liveness:
        """Answer, without asking anything else."""
        return Liveness()

    @get(
        "/ready",
        operation_id="isReady",
        summary="Can the service do its work?",
        responses={200: examples.READY, 503: examples.NOT_READY} | problems(),
    )
    async def ready(self, shared_check: Injected[SharedCheck]) -> Response[Readiness]:
        """Report each dependency; 503 without the database or with one too old."""
        readiness = await shared_check()
        status = 200 if readiness.status == OK else 503
        return Response(readiness, status_code=status, headers={"Cache-Control": "no-store"})
