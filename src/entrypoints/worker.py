"""The worker: SAQ runs the jobs that any worker may take, and a tick of each worker's own lets them wait in the queue.

The tick is no SAQ cron job: those are one for all workers, and one that is stopped or killed in mid-tick would hold the
schedule up until it is swept (docs/adr/0003).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog
from dishka import AsyncContainer
from saq import CronJob, Worker
from saq.queue.postgres import PostgresQueue
from saq.types import Context
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.row_keeper import SqlAlchemyRowKeeper
from adapters.postgres.schema import require_schema
from application.housekeeping import KeepHouse
from application.pace import Pace
from application.ports import StorageUnavailable
from application.report import Report
from application.scheduling import Job, ScheduleDueWork
from application.synchronisation import RefreshDueProducts, SubmitRegistrations
from entrypoints.settings import Settings
from entrypoints.worker_health import Heartbeat, health_listener

log = structlog.get_logger(__name__)

HOUSEKEEPING = "*/5 * * * *"
SECONDS_TO_WRITE_AT_THE_END = 4.0
JobFunction = Callable[[Context], Awaitable[None]]


async def run_worker(container: AsyncContainer) -> None:
    """Work until SIGTERM or SIGINT; then write what has arrived, hand the rest back and return.

    Raises:
        SchemaError, StorageUnavailable: the database is not ready for this release.
    """
    await require_schema(await container.get(AsyncEngine))
    # After days without any worker today's partitions are missing, and housekeeping comes only every five minutes.
    await (await container.get(SqlAlchemyRowKeeper)).prepare_history()
    settings = await container.get(Settings)
    worker = await make_worker(container)
    heartbeat = Heartbeat()
    async with health_listener(heartbeat, settings.host, settings.metrics_port):
        tick = _tick(await container.get(ScheduleDueWork), await container.get(Pace), heartbeat)
        ticking = asyncio.create_task(tick)
        log.info("worker started")
        try:
            await worker.start()
        finally:
            ticking.cancel()
    log.info("worker stopped")


async def make_worker(container: AsyncContainer) -> Worker[Context]:
    """Make SAQ's worker with our jobs, not started yet."""
    keep_house = await container.get(KeepHouse)
    pace = await container.get(Pace)

    async def housekeeping(_: Context) -> None:
        await keep_house()

    # SAQ makes the job's key of it, which must not change with the place of this function.
    housekeeping.__qualname__ = "housekeeping"

    return Worker(
        await container.get(PostgresQueue),
        [
            (Job.SUBMIT_REGISTRATIONS.value, _batch_job("registrations", await container.get(SubmitRegistrations))),
            (Job.REFRESH_DUE_PRODUCTS.value, _batch_job("refresh", await container.get(RefreshDueProducts))),
        ],
        concurrency=pace.batches_at_once,
        cron_jobs=[CronJob(housekeeping, cron=HOUSEKEEPING, timeout=300, ttl=-1)],
        timers={"schedule": 5, "worker_info": 10, "sweep": 10, "abort": 5},
        cancellation_hard_deadline_s=SECONDS_TO_WRITE_AT_THE_END,
    )


def _batch_job(name: str, run_batch: Callable[[], Awaitable[Report]]) -> JobFunction:
    async def job(_: Context) -> None:
        began = time.monotonic()
        try:
            _log(name, await run_batch(), time.monotonic() - began)
        except StorageUnavailable as error:
            log.warning("batch given up", work=name, reason=str(error))

    return job


def _log(name: str, report: Report, seconds: float) -> None:
    if report.held_back is not None:
        log.debug("batch held back", work=name, reason=report.held_back)
    elif report.outcomes:
        outcomes = {outcome.value: count for outcome, count in report.outcomes.items()}
        log.info("batch", work=name, seconds=round(seconds, 3), **outcomes, errors=dict(report.errors.most_common(5)))
    for defect in report.defects[:1]:
        log.error("batch brought out a defect", work=name, exc_info=defect)


async def _tick(schedule: ScheduleDueWork, pace: Pace, heartbeat: Heartbeat) -> None:
    trouble = None
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        try:
            await schedule()
        except StorageUnavailable as error:
            if trouble is None:
                log.warning("ticks fail", reason=str(error))
            trouble = error
        except Exception:
            log.exception("tick failed")
        else:
            if trouble is not None:
                log.info("ticks go on")
            trouble = None
        heartbeat.beat()
        # From tick to tick, however long one takes: an interval as short as a tick would else lose slots.
        due = max(due + pace.tick, loop.time())
        await asyncio.sleep(due - loop.time())
