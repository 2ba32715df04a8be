"""The API's process: uvicorn around the application, until a signal asks it to stop."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import structlog
import uvicorn
from dishka import AsyncContainer
from litestar import Litestar
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.metrics import Metrics
from adapters.postgres.schema import require_schema
from entrypoints.gc_tuning import spare_what_start_has_made
from entrypoints.http.app import create_app
from entrypoints.http.protocol import ProblemProtocol
from entrypoints.monitoring import monitoring_listener
from entrypoints.settings import Settings

log = structlog.get_logger(__name__)

SECONDS_TO_FINISH = 4


class _Server(uvicorn.Server):
    """Uvicorn that leaves signals to us: its own handling raises them again at the end, past our clean-up."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            spare_what_start_has_made()
            log.info("api started", host=self.config.host, port=self.config.port)


def server_config(app: Litestar, settings: Settings) -> uvicorn.Config:
    """Say how uvicorn serves; it believes what trusted proxies alone say about where a request comes from."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=ProblemProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=settings.proxies,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
    )


async def run_api(container: AsyncContainer) -> None:
    """Serve until SIGTERM or SIGINT; then let requests under way finish, for a bounded time, and return.

    Raises:
        SchemaError, StorageUnavailable: the database is not ready for this release.
        OSError: the port for metrics is taken.
    """
    await require_schema(await container.get(AsyncEngine))
    settings = await container.get(Settings)
    server = _Server(server_config(await create_app(container), settings))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, setattr, server, "should_exit", True)  # noqa: FBT003
    async with monitoring_listener(await container.get(Metrics), settings.host, settings.metrics_port):
        await server.serve()
    log.info("api stopped")
