"""The worker: SAQ runs the jobs that any worker may take, and a tick of each worker's own lets them wait in the queue.

The tick is no SAQ cron job: those are one for all workers, and one that is stopped or killed in mid-tick would hold the
schedule up until it is swept (docs/adr/0003).
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from dishka import AsyncContainer
from saq import CronJob, Worker
from saq.queue.postgres import PostgresQueue
from saq.types import Context
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.metric_labels import Work
from adapters.metrics import Metrics
from adapters.postgres.prices.rollup import SqlAlchemyHistoryKeeper
from adapters.postgres.schema import require_schema
from application.housekeeping import KeepHouse, RefreshPriceChanges
from application.synchronisation.batch_report import Report
from application.synchronisation.circuit_breaker import Breakers
from application.synchronisation.refresh import RefreshDueProducts, SubmitRegistrations
from application.synchronisation.scheduling import Job, ScheduleDueWork
from application.synchronisation.timing import Pace
from application.unit_of_work import StorageUnavailable
from entrypoints.gc_tuning import spare_what_start_has_made
from entrypoints.monitoring import Heartbeat, monitoring_listener
from entrypoints.settings import Settings
from entrypoints.worker.tick import Tick

log = structlog.get_logger(__name__)

EVERY_FIVE_MINUTES, EVERY_OTHER_MINUTE = "*/5 * * * *", "*/2 * * * *"
SECONDS_TO_WRITE_AT_THE_END = 4.0


async def run_worker(container: AsyncContainer) -> None:
    """Work until SIGTERM or SIGINT; then write what has arrived, hand the rest back and return.

    Raises:
        SchemaError, StorageUnavailable: the database is not ready for this release.
        OSError: the port for metrics is taken.
    """
    await require_schema(await container.get(AsyncEngine))
    # After days without any worker today's partitions are missing, and housekeeping comes only every five minutes.
    await (await container.get(SqlAlchemyHistoryKeeper)).prepare_history()
    settings = await container.get(Settings)
    worker = await make_worker(container)
    heartbeat, metrics = Heartbeat(), await container.get(Metrics)
    async with monitoring_listener(metrics, settings.host, settings.metrics_port, heartbeat):
        schedule, breakers = await container.get(ScheduleDueWork), await container.get(Breakers)
        tick = Tick(schedule, breakers, metrics, await container.get(Pace), heartbeat)
        ticking = asyncio.create_task(tick.run())
        spare_what_start_has_made()
        log.info("worker started")
        try:
            await worker.start()
        finally:
            ticking.cancel()
    log.info("worker stopped")


async def make_worker(container: AsyncContainer) -> Worker[Context]:
    """Make SAQ's worker with our jobs, not started yet."""
    housekeeping = _cron("housekeeping", await container.get(KeepHouse))
    price_changes = _cron("price_changes", await container.get(RefreshPriceChanges))
    pace, metrics = await container.get(Pace), await container.get(Metrics)
    submit, refresh = await container.get(SubmitRegistrations), await container.get(RefreshDueProducts)

    return Worker(
        await container.get(PostgresQueue),
        [
            (Job.SUBMIT_REGISTRATIONS.value, _job(batch_job("registrations", submit, pace, metrics))),
            (Job.REFRESH_DUE_PRODUCTS.value, _job(batch_job("refresh", refresh, pace, metrics))),
        ],
        concurrency=pace.batches_at_once,
        cron_jobs=[
            CronJob(housekeeping, cron=EVERY_FIVE_MINUTES, timeout=300, ttl=-1),
            CronJob(price_changes, cron=EVERY_OTHER_MINUTE, timeout=60, ttl=-1),
        ],
        timers={"schedule": 5, "worker_info": 10, "sweep": 10, "abort": 5},
        cancellation_hard_deadline_s=SECONDS_TO_WRITE_AT_THE_END,
    )


def _job(run: Callable[[], Awaitable[None]]) -> Callable[[Context], Awaitable[None]]:
    async def job(_: Context) -> None:
        await run()

    return job


def _cron(name: str, run: Callable[[], Awaitable[None]]) -> Callable[[Context], Awaitable[None]]:
    job = _job(run)
    # SAQ makes the job's key of it, which must not change with the place of this function.
    job.__qualname__ = name
    return job


def batch_job(
    name: Work, run_batch: Callable[[Report], Awaitable[object]], pace: Pace, metrics: Metrics
) -> Callable[[], Awaitable[None]]:
    """Make the job that runs one batch after another while they are full, for a bounded time."""

    async def job() -> None:
        loop = asyncio.get_running_loop()
        claiming_until = loop.time() + pace.claiming
        while True:
            report, began = Report(), loop.time()
            try:
                await run_batch(report)
            except StorageUnavailable as error:
                metrics.given_up(name, "storage_unavailable")
                log.warning("batch given up", work=name, reason=str(error))
                return
            except Exception:
                metrics.given_up(name, "internal")
                raise
            finally:
                # Also of a batch that is broken off, by the end of the worker for example.
                seconds = loop.time() - began
                metrics.batch(name, report, seconds)
                _log(name, report, seconds)
            if report.attempted < pace.batch_size or loop.time() >= claiming_until:
                return

    return job


def _log(name: Work, report: Report, seconds: float) -> None:
    if report.held_back is not None:
        log.debug("batch held back", work=name, reason=report.held_back)
    elif report.outcomes:
        outcomes = {outcome.value: count for outcome, count in report.outcomes.items()}
        errors = dict(report.errors.most_common(5))
        if report.refused_rows:
            errors["rows refused"] = report.refused_rows
        log.info("batch", work=name, seconds=round(seconds, 3), **outcomes, errors=errors)
    for defect in report.defects[:1]:
        log.error("batch brought out a defect", work=name, exc_info=defect)
