"""How an answer travels: counted, delayed, replaced by an error, spoilt on the way, or never arriving."""

import asyncio
from collections.abc import Callable
from uuid import UUID

from aiohttp import web

from entrypoints.development.offers_simulator.answers import Answer, answer_error
from entrypoints.development.offers_simulator.faults import Endpoint
from entrypoints.development.offers_simulator.simulation import Simulation
from entrypoints.development.offers_simulator.traffic import Call, Route


class Transmission:
    """Carries one call after another under the faults of the moment."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    async def carry(
        self,
        request: web.Request,
        route: Route,
        decide: Callable[[], Answer],
        *,
        product_id: UUID | None = None,
    ) -> web.StreamResponse:
        """Count the call, let `decide` change the world, and send its answer unless a fault intervenes."""
        simulation = self._simulation
        agent = request.headers.get("User-Agent", "none")
        call = simulation.traffic.enter(route, at=simulation.clock(), agent=agent, product_id=product_id)
        try:
            if route == "other":
                return await self._send(request, call, decide())
            return await self._carry(request, call, route, decide, product_id)
        finally:
            simulation.traffic.leave(call)

    async def _carry(
        self,
        request: web.Request,
        call: Call,
        endpoint: Endpoint,
        decide: Callable[[], Answer],
        product_id: UUID | None,
    ) -> web.StreamResponse:
        simulation = self._simulation
        faults, dice = simulation.faults, simulation.dice
        if faults.hangs_for(endpoint, product_id, dice):
            call.outcome = "hung"
            await asyncio.Event().wait()
        if faults.resets_for(endpoint, dice):
            return _cut(request, call, "reset")
        error = faults.error_for(endpoint, dice)
        # The answer is decided before the wait: a client that gives up meanwhile has still changed the world.
        answer = decide() if error is None else answer_error(error)
        latency = faults.latency_of(endpoint) or simulation.options.latency
        if latency is not None:
            await simulation.wait(latency.sample(dice))
        if error is None and faults.loses_reply_of(endpoint, dice):
            return _cut(request, call, "lost")
        return await self._send(request, call, answer)

    async def _send(self, request: web.Request, call: Call, answer: Answer) -> web.StreamResponse:
        faults = self._simulation.faults
        status = answer.status
        headers = {"Content-Type": answer.content_type, **answer.headers}
        if status in {429, 503} and faults.retry_after is not None:
            headers["Retry-After"] = str(faults.retry_after)
        body = answer.body
        if status in faults.bodies:
            body = faults.bodies[status].encode()
        if answer.delivery == "whole":
            call.outcome = str(status)
            return web.Response(status=status, body=body, headers=headers)
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = len(body)
        await response.prepare(request)
        if answer.delivery == "cut":
            await response.write(body[: len(body) // 2])
            _cut(request, call, "cut")
            return response
        for at in range(len(body)):
            await response.write(body[at : at + 1])
            await self._simulation.wait(faults.trickle_interval)
        call.outcome = str(status)
        return response


def _cut(request: web.Request, call: Call, outcome: str) -> web.Response:
    call.outcome = outcome
    if request.transport is not None:
        request.transport.abort()
    return web.Response()  # goes nowhere, but a handler has to return one
