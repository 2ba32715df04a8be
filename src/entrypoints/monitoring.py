"""A listener for operators in each process: its metrics, and whether its event loop still runs."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from adapters.metrics.metrics import Metrics
from entrypoints.listening import listening

log = structlog.get_logger(__name__)


class Heartbeat:
    """The time of a worker's last finished tick, and whether it succeeded; it has stalled `patience` seconds after."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._last = time.monotonic()
        self.beats = 0
        self.in_trouble = True
        """Whether the last tick could not use the database; so before the first one."""

    def beat(self, *, in_trouble: bool = False) -> None:
        """Note a finished tick."""
        self._last = time.monotonic()
        self.beats += 1
        self.in_trouble = in_trouble

    def age(self) -> float:
        """Return the seconds since the last beat."""
        return time.monotonic() - self._last

    @property
    def stalled(self) -> bool:
        """Whether the last beat is longer ago than a tick can take."""
        return self.age() > self._patience


@asynccontextmanager
async def monitoring_listener(
    metrics: Metrics, host: str, port: int | None, heartbeat: Heartbeat | None = None
) -> AsyncIterator[int | None]:
    """Answer GET /metrics and GET /health/live while the block runs; yield the port, None if none is wanted.

    `/health/live` answers 503 once the heartbeat has stalled; without one it answers as long as the loop runs. With a
    heartbeat there is `/health/ready` too, which answers 503 while the tick cannot use the database.

    Raises:
        CannotListen: the port is taken.
    """
    if port is None:
        yield None
        return

    async def show(request: web.Request) -> web.Response:
        body, content_type = metrics.exposition(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def live(_: web.Request) -> web.Response:
        if heartbeat is not None and heartbeat.stalled:
            return web.json_response({"status": "stalled"}, status=503)
        return web.json_response({"status": "ok"})

    async def ready(_: web.Request) -> web.Response:
        if heartbeat is None or heartbeat.stalled or heartbeat.in_trouble:
            return web.json_response({"status": "unavailable"}, status=503)
        return web.json_response({"status": "ok"})

    app = web.Application()
    app.router.add_get("/metrics", show)
    app.router.add_get("/health/live", live)
    if heartbeat is not None:
        app.router.add_get("/health/ready", ready)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    with listening(host, port, "METRICS_PORT") as sockets:
        await runner.setup()
        try:
            for each in sockets:
                await web.SockSite(runner, each).start()
            at: int = sockets[0].getsockname()[1]
            log.info("monitoring started", host=host, port=at)
            yield at
        finally:
            await runner.cleanup()
