"""The wiring of the job queue."""

import asyncio
from collections.abc import AsyncIterator

from dishka import Provider, Scope, provide
from saq.queue.postgres import PostgresQueue

from adapters.job_queue import SaqJobQueue, SaqRegistrationSignal, connect_queue, postgres_queue
from application.catalogue.registration import RegistrationSignal
from application.clock_watch import ClockWatch
from application.synchronisation.scheduling import JobQueue
from application.synchronisation.timing import Timing
from entrypoints.configuration.settings import Settings
from entrypoints.limits import Limits
from entrypoints.wiring.engines import SessionEngine


class Queue(Provider):
    """SAQ's queue in PostgreSQL, with connections of its own."""

    scope = Scope.APP

    @provide
    async def postgres_queue(
        self, settings: Settings, limits: Limits, clocks: ClockWatch, _sessions: SessionEngine
    ) -> AsyncIterator[PostgresQueue]:
        queue = postgres_queue(settings.direct_dsn, limits.queue, idle=lambda: clocks.too_far)
        await connect_queue(queue)
        yield queue
        await queue.disconnect()

    @provide
    def saq_job_queue(self, queue: PostgresQueue, timing: Timing) -> SaqJobQueue:
        return SaqJobQueue(queue, timing.lease.total_seconds())

    @provide
    def job_queue(self, queue: SaqJobQueue) -> JobQueue:
        return queue

    @provide
    async def registration_signal(self, queue: SaqJobQueue, limits: Limits) -> AsyncIterator[RegistrationSignal]:
        signal = SaqRegistrationSignal(queue)
        running = asyncio.create_task(signal.run())
        yield signal
        signal.close()
        await asyncio.wait([running], timeout=limits.queue.pool_wait)
