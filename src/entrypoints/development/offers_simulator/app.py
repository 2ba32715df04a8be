"""Puts the simulator together and runs it, for the command line and inside tests alike."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from entrypoints.development.offers_simulator.control import Control
from entrypoints.development.offers_simulator.faults import Faults
from entrypoints.development.offers_simulator.options import SimulatorOptions
from entrypoints.development.offers_simulator.simulation import Clock, Simulation, Wait
from entrypoints.development.offers_simulator.upstream import API, Upstream

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


def create_app(simulation: Simulation) -> web.Application:
    """Make the application around one simulation."""
    upstream = Upstream(simulation)
    app = web.Application(client_max_size=_LARGEST_REQUEST, middlewares=[upstream.refuse_unknown])
    app.add_routes(Control(simulation).routes())
    app.add_routes(upstream.routes())
    return app


@asynccontextmanager
async def running_simulator(
    options: SimulatorOptions,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    faults: Faults | None = None,
    clock: Clock = time.time,
    wait: Wait = asyncio.sleep,
) -> AsyncIterator[RunningSimulator]:
    """Listen while the block runs; port 0 takes a free one. Raises OSError when it cannot listen.

    Leaving takes well below a second: calls that hang are cut.
    """
    simulation = Simulation(options, faults=faults or Faults(), clock=clock, wait=wait)
    app = create_app(simulation)
    # Without cancellation a hanging call would outlive its client.
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_PATIENCE)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        real_port = runner.addresses[0][1]
        shown_host = f"[{host}]" if ":" in host else host
        yield RunningSimulator(f"http://{shown_host}:{real_port}", real_port, simulation)
    finally:
        await runner.cleanup()


async def serve(
    host: str,
    port: int,
    options: SimulatorOptions,
    *,
    faults: Faults | None = None,
    started: Callable[[int], None] | None = None,
) -> None:
    """Run until cancelled; `started` is told the port listened on. Raises OSError when it cannot listen."""
    async with running_simulator(options, host=host, port=port, faults=faults) as simulator:
        if started is not None:
            started(simulator.port)
        await asyncio.Event().wait()
