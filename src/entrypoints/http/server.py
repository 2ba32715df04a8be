"""The API's process: uvicorn around the application, until a signal asks it to stop."""

import signal
import socket

import structlog
import uvicorn
from dishka import AsyncContainer
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.metrics import Metrics
from adapters.postgres.schema import require_schema
from entrypoints.gc_tuning import freeze_startup_objects
from entrypoints.http.app import create_app
from entrypoints.last_resort import exit_within
from entrypoints.limits import Limits
from entrypoints.monitoring import monitoring_listener
from entrypoints.settings import Settings

log = structlog.get_logger(__name__)

BACKLOG = 2_048


def server_config(app: Litestar, settings: Settings, limits: Limits) -> uvicorn.Config:
    """Return uvicorn's configuration; it believes only trusted proxies about the address of a client."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies,
        timeout_graceful_shutdown=round(limits.requests.finish),
    )


async def run_api(container: AsyncContainer) -> None:
    """Serve until SIGTERM or SIGINT, then let requests under way finish for a bounded time, and return.

    Raises:
        SchemaError, StorageUnavailable: the database is not ready for this release.
        OSError: a port is taken.
    """
    await require_schema(await container.get(AsyncEngine))
    settings, limits = await container.get(Settings), await container.get(Limits)
    app = await create_app(container)
    server = uvicorn.Server(server_config(app, settings, limits))

    def stop(*_: object) -> None:
        if not server.should_exit:
            exit_within(limits.stop_by_force)
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        # Before uvicorn has its own handler, and after: it raises the signal again, which would skip our clean-up.
        signal.signal(number, stop)
    # Our own listener, because uvicorn would end the process by itself if the port is taken.
    with _listener(settings.host, settings.port) as listener:
        async with monitoring_listener(await container.get(Metrics), settings.host, settings.metrics_port):
            freeze_startup_objects()
            log.info("api started", host=settings.host, port=listener.getsockname()[1])
            await server.serve(sockets=[listener])
    log.info("api stopped")


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=False)
