"""The API's process: uvicorn around the application, until a signal asks it to stop."""

import signal
import time
from collections.abc import Callable
from functools import partial
from types import FrameType

import structlog
import uvicorn
from dishka import AsyncContainer
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from adapters.metrics.metrics import Metrics
from adapters.postgres.schema import require_schema
from application.clock_watch import ClockWatch
from entrypoints.configuration.allowed_hosts import LOOPBACK
from entrypoints.configuration.settings import Settings
from entrypoints.gc_tuning import freeze_startup_objects
from entrypoints.http.app import create_app
from entrypoints.http.middleware.forwarded_prefix import ForwardedPrefix
from entrypoints.http.protocol import HttpProtocol
from entrypoints.last_resort import exit_within
from entrypoints.limits import Limits
from entrypoints.listening import listening
from entrypoints.monitoring import monitoring_listener
from entrypoints.readiness import Stopping

log = structlog.get_logger(__name__)


def server_config(app: Litestar, settings: Settings, limits: Limits) -> uvicorn.Config:
    """Return uvicorn's configuration; only trusted proxies are believed about a client's address and the prefix."""
    served = app
    if settings.proxies:
        # uvicorn's own middleware is inside, because it replaces the proxy's address by the client's.
        inner = ProxyHeadersMiddleware(app, settings.proxies)  # type: ignore[arg-type] # Litestar's types of ASGI
        served = ForwardedPrefix(inner, settings.proxies)  # type: ignore[assignment, arg-type]
    return uvicorn.Config(
        served,
        http=partial(HttpProtocol, limits=limits.heads),  # type: ignore[arg-type] # it is only called
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=round(limits.requests.finish),
    )


class Server(uvicorn.Server):
    """uvicorn, but SIGTERM fails readiness for some seconds before it ends listening, and returns from `serve`.

    A load balancer takes that long to notice that it should send requests elsewhere. SIGINT, or a second SIGTERM, ends
    listening at once. uvicorn would raise the signal again at its end, which would skip our clean-up. `bound_stop` is
    called with the first signal: it bounds how long the process may take from then on.
    """

    def __init__(
        self, config: uvicorn.Config, stopping: Stopping, drain_seconds: float, bound_stop: Callable[[], object]
    ) -> None:
        super().__init__(config)
        self._bound_stop = bound_stop
        self._stopping = stopping
        self._drain_seconds = drain_seconds
        self._stop_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop. uvicorn installs this as the handler of both signals while it serves."""
        del frame
        if not self._stopping.requested:
            self._bound_stop()
        if sig == signal.SIGTERM and self.started and not self._stopping.requested:
            self._stop_at = time.monotonic() + self._drain_seconds
        else:
            self.should_exit = True
        self._stopping.requested = True

    async def on_tick(self, counter: int) -> bool:
        """Return whether to end listening; uvicorn asks ten times a second."""
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self.should_exit = True
        return await super().on_tick(counter)


async def run_api(container: AsyncContainer) -> None:
    """Serve until SIGTERM or SIGINT, then let requests under way finish for a bounded time, and return.

    Before it serves, the command's own handlers end the process at once.

    Raises:
        SchemaError, StorageUnavailable: the database is not ready for this release.
        CannotListen: a port is taken.
    """
    await require_schema(await container.get(AsyncEngine))
    await (await container.get(ClockWatch)).ask()
    settings, limits = await container.get(Settings), await container.get(Limits)
    app = await create_app(container)
    stopping = await container.get(Stopping)
    bound_stop = partial(exit_within, settings.drain_seconds + limits.stop_by_force)
    server = Server(server_config(app, settings, limits), stopping, settings.drain_seconds, bound_stop)
    # Our own listeners, because uvicorn would end the process by itself if the port is taken.
    with listening(settings.host, settings.port, "PORT") as sockets:
        async with monitoring_listener(await container.get(Metrics), settings.host, settings.metrics_port):
            freeze_startup_objects()
            log.info("api started", host=settings.host, port=sockets[0].getsockname()[1])
            if settings.host not in LOOPBACK and settings.has_default_credentials:
                log.warning(
                    "everybody who reaches this address can log in as admin: set ADMIN_PASSWORD, or HOST=127.0.0.1",
                    host=settings.host,
                )
            await server.serve(sockets=sockets)
    log.info("api stopped")
