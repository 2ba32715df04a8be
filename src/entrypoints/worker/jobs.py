"""The jobs of a worker. Due work is put into the queue by the tick of each worker, the upkeep by SAQ's cron.

The tick is no cron job: SAQ has one of these for all workers, and if its worker is killed or stopped, the schedule
would stand still until SAQ's sweep (docs/adr/0003).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from dishka import AsyncContainer
from saq import CronJob, Worker
from saq.queue.postgres import PostgresQueue
from saq.types import Context

from adapters.job_queue import SaqJobQueue
from adapters.metrics.labels import Work
from adapters.metrics.metrics import Metrics
from application.clock import Clock
from application.clock_watch import ClockWatch
from application.housekeeping import KeepHouse
from application.prices.listed_changes import RefreshListedChanges
from application.storage import StorageUnavailable
from application.synchronisation.batch_report import BatchReport
from application.synchronisation.refresh import RefreshDueProducts
from application.synchronisation.registrations import SubmitRegistrations
from application.synchronisation.scheduling import Job
from application.synchronisation.timing import Timing
from entrypoints.limits import Limits

log = structlog.get_logger(__name__)

EVERY_FIVE_MINUTES, EVERY_OTHER_MINUTE = "*/5 * * * *", "*/2 * * * *"


class ClockedWorker(Worker[Context]):
    """SAQ's worker, which puts off cron jobs by the process's clock, and so must not while that is wrong."""

    def __init__(self, *args: Any, clocks: ClockWatch, jobs: SaqJobQueue, **options: Any) -> None:
        super().__init__(*args, **options)
        self._clocks = clocks
        self._jobs = jobs

    async def schedule(self, lock: int = 1) -> None:
        """Put off the next run of each cron job, unless one is put off already or this process's clock is wrong."""
        if not self._clocks.too_far:
            await self._jobs.remove_misdated()
            await super().schedule(lock)


async def make_worker(container: AsyncContainer) -> Worker[Context]:
    """Make SAQ's worker with our jobs, not started yet."""
    timing, metrics = await container.get(Timing), await container.get(Metrics)
    keep_house, clock = await container.get(KeepHouse), await container.get(Clock)

    async def keep_house_and_say_so() -> None:
        await keep_house()
        metrics.work.housekept(clock())

    housekeeping = _cron("housekeeping", keep_house_and_say_so)
    # The name of the cron row in the queue, which earlier releases know too.
    listed_changes = _cron("price_changes", await container.get(RefreshListedChanges))
    limits = await container.get(Limits)
    submit, refresh = await container.get(SubmitRegistrations), await container.get(RefreshDueProducts)

    return ClockedWorker(
        await container.get(PostgresQueue),
        [
            (Job.SUBMIT_REGISTRATIONS.value, _job(batch_job("registrations", submit, timing, metrics))),
            (Job.REFRESH_DUE_PRODUCTS.value, _job(batch_job("refresh", refresh, timing, metrics))),
        ],
        concurrency=timing.batches_at_once,
        cron_jobs=[
            CronJob(housekeeping, cron=EVERY_FIVE_MINUTES, timeout=round(limits.housekeeping), ttl=-1),
            CronJob(listed_changes, cron=EVERY_OTHER_MINUTE, timeout=round(limits.listed_changes), ttl=-1),
        ],
        timers={"schedule": 5, "worker_info": 10, "sweep": 10, "abort": 5},
        cancellation_hard_deadline_s=limits.write_at_end,
        dequeue_timeout=limits.queue.listening,
        clocks=await container.get(ClockWatch),
        jobs=await container.get(SaqJobQueue),
    )


def batch_job(
    name: Work, run_batch: Callable[[BatchReport], Awaitable[object]], timing: Timing, metrics: Metrics
) -> Callable[[], Awaitable[None]]:
    """Make the job that runs one batch after another while they are full, for a bounded time."""

    async def job() -> None:
        loop = asyncio.get_running_loop()
        claiming_until = loop.time() + timing.claiming
        while True:
            report, began = BatchReport(), loop.time()
            try:
                await run_batch(report)
            except StorageUnavailable as error:
                metrics.work.given_up(name, "storage_unavailable")
                log.warning("batch given up", work=name, reason=str(error))
                return
            except Exception:
                metrics.work.given_up(name, "internal")
                raise
            finally:
                # Also for a batch that is broken off, as by the end of the worker.
                seconds = loop.time() - began
                metrics.work.batch(name, report, seconds)
                _log(name, report, seconds)
            # After a probe that was answered, too: what is due then is not left to the next tick.
            if not report.full or loop.time() >= claiming_until:
                return

    return job


def _job(run: Callable[[], Awaitable[None]]) -> Callable[[Context], Awaitable[None]]:
    async def job(_: Context) -> None:
        await run()

    return job


def _cron(name: str, run: Callable[[], Awaitable[None]]) -> Callable[[Context], Awaitable[None]]:
    job = _job(run)
    # SAQ derives the job's key from it, and the key must not change when this function moves.
    job.__qualname__ = name
    return job


def _log(name: Work, report: BatchReport, seconds: float) -> None:
    if report.held_back is not None:
        log.debug("batch held back", work=name, reason=report.held_back)
    elif report.outcomes:
        outcomes = {outcome.value: count for outcome, count in report.outcomes.items()}
        errors = dict(report.errors.most_common(5))
        if report.refused_rows:
            errors["rows refused"] = report.refused_rows
        if report.lost_offers:
            errors["offers unknown since their rows are refused"] = report.lost_offers
        trouble = {"errors": errors} if errors else {}
        log.info("batch", work=name, seconds=round(seconds, 3), **outcomes, **trouble)
    for defect in report.defects[:1]:
        log.error("defect in a batch", work=name, exc_info=defect)
