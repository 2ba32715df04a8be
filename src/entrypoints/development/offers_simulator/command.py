"""`aggregator offers-simulator`: the simulator as a process of its own."""

import asyncio
import contextlib
import os
import signal
import sys

import msgspec

from entrypoints.development.offers_simulator.app import serve
from entrypoints.development.offers_simulator.options import DEFAULT_REFRESH_TOKEN, SimulatorOptions


def run_simulator(host: str, port: int, *, tick: float, sold_out: str, seed: int | None) -> None:
    """Serve until SIGTERM or SIGINT. OFFERS_REFRESH_TOKEN is the refresh token that it accepts."""
    options = msgspec.convert(
        {
            "refresh_token": os.environ.get("OFFERS_REFRESH_TOKEN") or DEFAULT_REFRESH_TOKEN,
            "tick": tick,
            "sold_out": sold_out,
            "seed": seed,
        },
        SimulatorOptions,
    )
    asyncio.run(_serve(host, port, options))


async def _serve(host: str, port: int, options: SimulatorOptions) -> None:
    serving = asyncio.create_task(serve(host, port, options, started=lambda real: _announce(host, real)))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


def _announce(host: str, port: int) -> None:
    print(f"Offers simulator at http://{host}:{port}/api/v1, its faults at /__control", file=sys.stderr)  # noqa: T201
