"""`aggregator offers-simulator`: the simulator as a process of its own."""

import asyncio
import signal
from collections.abc import Collection

import click

from entrypoints.development.offers_simulator.app import running_simulator
from entrypoints.development.offers_simulator.faults import Faults
from entrypoints.development.offers_simulator.options import SimulatorOptions


async def serve(
    host: str, port: int, options: SimulatorOptions, *, hosts: Collection[str] = (), faults: Faults | None = None
) -> None:
    """Serve until SIGTERM or SIGINT. Raises CannotListen or OSError, as running_simulator does."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with running_simulator(options, host=host, port=port, hosts=hosts, faults=faults) as simulator:
        click.echo(f"Offers simulator at {simulator.base_url}, its faults at /__control", err=True)
        await stopped.wait()
