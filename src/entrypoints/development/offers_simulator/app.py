"""Puts the simulator together and runs it, for the command line and inside tests alike."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from entrypoints.configuration.allowed_hosts import LOOPBACK, AllowedHosts
from entrypoints.development.offers_simulator.control import Control, refuse_unreadable
from entrypoints.development.offers_simulator.faults import Faults
from entrypoints.development.offers_simulator.options import SimulatorOptions
from entrypoints.development.offers_simulator.simulation import Clock, Simulation, Wait
from entrypoints.development.offers_simulator.upstream import API, Upstream
from entrypoints.development.offers_simulator.world_file import WorldFile
from entrypoints.listening import named_listener

_LARGEST_REQUEST = 4 * 2**20
# Seconds an unfinished call is waited for, and then once more after it was cancelled.
_SHUTDOWN_PATIENCE = 0.1


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """Where a simulator listens: the service itself below `base_url`, the control routes below `origin`."""

    origin: str
    port: int
    simulation: Simulation

    @property
    def base_url(self) -> str:
        """The URL a client of the Offers service is given."""
        return self.origin + API


def _allowing(hosts: Collection[str]) -> Middleware:
    allowed = AllowedHosts(LOOPBACK | {host.lower() for host in hosts})

    @web.middleware
    async def refuse_others(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Host", "").encode() not in allowed:
            raise web.HTTPBadRequest(text="The Host is none of this simulator's; list it in ALLOWED_HOSTS.")
        return await handler(request)

    return refuse_others


@asynccontextmanager
async def running_simulator(
    options: SimulatorOptions,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    hosts: Collection[str] = (),
    faults: Faults | None = None,
    clock: Clock = time.time,
    wait: Wait = asyncio.sleep,
) -> AsyncIterator[RunningSimulator]:
    """Listen while the block runs; port 0 takes a free one. Requests name the loopback, `host` or one of the `hosts`.

    Leaving takes well below a second: calls that hang are cut, and then the world is saved, if it has a file.

    Raises:
        CannotListen: the port cannot be listened on.
        OSError: the world's file cannot be read.
    """
    world_file = WorldFile(options.world_file) if options.world_file else None
    state = world_file.load() if world_file else None
    simulation = Simulation(options, faults=faults or Faults(), clock=clock, wait=wait, state=state)
    upstream = Upstream(simulation)
    middlewares = [_allowing([*hosts, host]), upstream.refuse_unknown, refuse_unreadable]
    app = web.Application(client_max_size=_LARGEST_REQUEST, middlewares=middlewares)
    app.add_routes([*Control(simulation).routes(), *upstream.routes()])
    async with _listening(app, host, port) as real_port:
        saving = asyncio.create_task(_save_often(simulation, world_file)) if world_file else None
        try:
            shown_host = f"[{host}]" if ":" in host else host
            yield RunningSimulator(f"http://{shown_host}:{real_port}", real_port, simulation)
        finally:
            if saving is not None:
                saving.cancel()
    if world_file:
        world_file.save(simulation.state())


@asynccontextmanager
async def _listening(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    # Without cancellation a hanging call would outlive its client.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_PATIENCE)
    await runner.setup()
    try:
        with named_listener("--port or SIMULATOR_PORT", host, port):
            await web.TCPSite(runner, host, port, backlog=1024).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _save_often(simulation: Simulation, world_file: WorldFile) -> None:
    while True:
        world_file.save(simulation.state())
        await asyncio.sleep(simulation.options.save_interval)
