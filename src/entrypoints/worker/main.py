"""The worker's process: SAQ runs the jobs, and the tick puts them into the queue."""

import asyncio

import structlog
from dishka import AsyncContainer
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.metrics import Metrics
from adapters.postgres.schema import require_schema
from application.prices.rollup import HistoryUpkeep
from application.synchronisation.circuit_breaker import Breakers
from application.synchronisation.scheduling import ScheduleDueWork
from application.synchronisation.timing import Timing
from entrypoints.gc_tuning import freeze_startup_objects
from entrypoints.monitoring import Heartbeat, monitoring_listener
from entrypoints.settings import Settings
from entrypoints.worker.jobs import make_worker
from entrypoints.worker.tick import Tick

log = structlog.get_logger(__name__)


async def run_worker(container: AsyncContainer) -> None:
    """Work until SIGTERM or SIGINT; then write the answers that have arrived, hand the rest back, and return.

    Raises:
        SchemaError, StorageUnavailable: the database is not ready for this release.
        OSError: the port for metrics is taken.
    """
    await require_schema(await container.get(AsyncEngine))
    # After days without a worker today's partitions are missing, and housekeeping runs only every five minutes.
    await (await container.get(HistoryUpkeep)).prepare_history()
    settings = await container.get(Settings)
    worker = await make_worker(container)
    heartbeat, metrics = Heartbeat(), await container.get(Metrics)
    async with monitoring_listener(metrics, settings.host, settings.metrics_port, heartbeat):
        schedule, breakers = await container.get(ScheduleDueWork), await container.get(Breakers)
        tick = Tick(schedule, breakers, metrics, await container.get(Timing), heartbeat)
        ticking = asyncio.create_task(tick.run())
        freeze_startup_objects()
        log.info("worker started")
        try:
            await worker.start()
        finally:
            ticking.cancel()
    log.info("worker stopped")
