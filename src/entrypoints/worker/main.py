"""The worker's process: SAQ runs the jobs, and the tick puts them into the queue."""

import asyncio
from functools import partial

import structlog
from dishka import AsyncContainer
from saq import Worker
from saq.types import Context
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.metrics.inspection_metrics import InspectionMetrics
from adapters.metrics.metrics import Metrics
from adapters.postgres.schema import require_schema, schema_state
from application.access.audit_records import AuditUpkeep
from application.catalogue.census import Census
from application.clock_watch import ClockWatch
from application.diagnosis.facts import InspectDatabase, InspectUpkeep
from application.events.event_log import EventUpkeep
from application.prices.rollup import HistoryUpkeep
from application.synchronisation.circuit_breaker import Breakers
from application.synchronisation.scheduling import ScheduleDueWork
from application.synchronisation.timing import Timing
from application.webhooks.delivery import DeliverEvents
from application.webhooks.ports import DueWebhooks, WebhookReader, WebhookUpkeep
from entrypoints.configuration.settings import Settings
from entrypoints.gc_tuning import freeze_startup_objects
from entrypoints.last_resort import exit_once_stalled, exit_within
from entrypoints.limits import Limits
from entrypoints.monitoring import Heartbeat, monitoring_listener
from entrypoints.worker.deliveries import Deliveries
from entrypoints.worker.inspection import Inspection
from entrypoints.worker.jobs import make_worker
from entrypoints.worker.status_line import StatusLine
from entrypoints.worker.tick import Tick

log = structlog.get_logger(__name__)


async def run_worker(container: AsyncContainer) -> None:
    """Work until SIGTERM or SIGINT; then write the answers that have arrived, hand the rest back, and return.

    Raises:
        SchemaError, StorageUnavailable: the database is not ready for this release.
        CannotListen: the port for metrics is taken.
    """
    await require_schema(await container.get(AsyncEngine))
    # Before the queue is asked for jobs: with a wrong clock none may be taken.
    await (await container.get(ClockWatch)).ask()
    # After days without a worker today's partitions are missing, and housekeeping runs only every five minutes.
    await (await container.get(HistoryUpkeep)).prepare_history()
    await (await container.get(AuditUpkeep)).prepare()
    await (await container.get(EventUpkeep)).prepare()
    await (await container.get(WebhookUpkeep)).prepare()
    settings = await container.get(Settings)
    worker = await make_worker(container)
    limits = await container.get(Limits)
    heartbeat, metrics = Heartbeat(limits.unhealthy), await container.get(Metrics)
    async with monitoring_listener(metrics, settings.host, settings.metrics_port, heartbeat):
        schedule, breakers = await container.get(ScheduleDueWork), await container.get(Breakers)
        tick = Tick(schedule, breakers, metrics, await container.get(Timing), heartbeat)
        metrics.working()
        inspection = Inspection(
            partial(schema_state, await container.get(AsyncEngine)),
            await container.get(InspectDatabase),
            await container.get(InspectUpkeep),
            InspectionMetrics(metrics.registry),
        )
        ticking = asyncio.create_task(tick.run())
        exit_once_stalled(heartbeat, limits.stalled)
        reporting = asyncio.create_task(StatusLine(await container.get(Census), metrics).run())
        inspecting = asyncio.create_task(inspection.run())
        deliveries = Deliveries(
            await container.get(DueWebhooks),
            await container.get(DeliverEvents),
            await container.get(WebhookReader),
            metrics,
            limits.deliveries,
        )
        deliveries.start()
        freeze_startup_objects()
        log.info("worker started")
        working = asyncio.create_task(worker.start())
        guarding = asyncio.create_task(_guard_stop(worker, deliveries, limits.stop_by_force))
        try:
            await working
        finally:
            guarding.cancel()
            ticking.cancel()
            reporting.cancel()
            inspecting.cancel()
            await deliveries.finish(limits.write_at_end)
    log.info("worker stopped")


async def _guard_stop(worker: Worker[Context], deliveries: Deliveries, seconds: float) -> None:
    # SAQ sets its event when a signal asks it to stop, and makes it when it starts.
    await asyncio.sleep(0)
    await worker.event.wait()
    deliveries.stop()
    exit_within(seconds)
