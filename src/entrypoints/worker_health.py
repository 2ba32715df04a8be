"""Whether a worker's loop still turns, for the probe of whoever runs it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

STALLED_SECONDS = 30.0


class Heartbeat:
    """The time of the last tick that came to its end, well or badly."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def beat(self) -> None:
        """Note that the loop turns."""
        self._last = time.monotonic()

    @property
    def stalled(self) -> bool:
        """Whether the last beat is longer ago than a tick can take."""
        return time.monotonic() - self._last > STALLED_SECONDS


@asynccontextmanager
async def health_listener(heartbeat: Heartbeat, host: str, port: int | None) -> AsyncIterator[None]:
    """Answer GET /health/live on this port while the block runs, 503 when the worker has stalled; None listens nowhere.

    Raises:
        OSError: the port is taken.
    """
    if port is None:
        yield
        return

    async def live(_: web.Request) -> web.Response:
        if heartbeat.stalled:
            return web.json_response({"status": "stalled"}, status=503)
        return web.json_response({"status": "ok"})

    app = web.Application()
    app.router.add_get("/health/live", live)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()
