"""The transmission of an answer: it is counted, delayed, replaced by an error, spoilt on the way, or never sent."""

import asyncio
from collections.abc import Callable
from uuid import UUID

from aiohttp import web

from entrypoints.development.offers_simulator.answers import Answer, answer_error
from entrypoints.development.offers_simulator.faults import Endpoint, chosen, strikes
from entrypoints.development.offers_simulator.simulation import Simulation
from entrypoints.development.offers_simulator.traffic import Call, Route


async def carry(
    simulation: Simulation,
    request: web.Request,
    route: Route,
    decide: Callable[[], Answer],
    *,
    product_id: UUID | None = None,
) -> web.StreamResponse:
    """Count the call, let `decide` change the world, and send its answer unless a fault intervenes."""
    agent = request.headers.get("User-Agent", "none")
    call = simulation.traffic.enter(route, at=simulation.clock(), agent=agent, product_id=product_id)
    try:
        if route == "other":
            return await _send(simulation, request, call, decide())
        return await _carry(simulation, request, call, route, decide, product_id)
    finally:
        simulation.traffic.leave(call)


async def _carry(
    simulation: Simulation,
    request: web.Request,
    call: Call,
    endpoint: Endpoint,
    decide: Callable[[], Answer],
    product_id: UUID | None,
) -> web.StreamResponse:
    faults, dice = simulation.faults, simulation.dice
    if product_id in faults.hang_products or strikes(faults.hangs, endpoint, dice):
        call.outcome = "hung"
        await asyncio.Event().wait()
    if strikes(faults.resets, endpoint, dice):
        return _cut(request, call, "reset")
    error = strikes(faults.errors, endpoint, dice)
    # The answer is decided before the wait: a client that gives up meanwhile has still changed the world.
    answer = decide() if error is None else answer_error(error.status)
    latency = chosen(faults.latency, endpoint) or simulation.options.latency
    if latency is not None:
        await simulation.wait(latency.sample(dice))
    if error is None and strikes(faults.lost, endpoint, dice):
        return _cut(request, call, "lost")
    return await _send(simulation, request, call, answer)


async def _send(simulation: Simulation, request: web.Request, call: Call, answer: Answer) -> web.StreamResponse:
    faults, status = simulation.faults, answer.status
    headers = {"Content-Type": answer.content_type, **answer.headers}
    if status in {429, 503} and faults.retry_after is not None:
        headers["Retry-After"] = str(faults.retry_after)
    body = faults.bodies[status].encode() if status in faults.bodies else answer.body
    if answer.delivery == "whole":
        call.outcome = str(status)
        return web.Response(status=status, body=body, headers=headers)
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(body)
    await response.prepare(request)
    if answer.delivery == "cut":
        await response.write(body[: len(body) // 2])
        return _cut(request, call, "cut", response)
    for at in range(len(body)):
        await response.write(body[at : at + 1])
        await simulation.wait(faults.trickle_interval)
    call.outcome = str(status)
    return response


def _cut(
    request: web.Request, call: Call, outcome: str, response: web.StreamResponse | None = None
) -> web.StreamResponse:
    call.outcome = outcome
    if request.transport is not None:
        request.transport.abort()
    return response or web.Response()  # goes nowhere, but a handler has to return one
