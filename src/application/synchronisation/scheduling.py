"""The tick: it counts the due work and puts enough jobs into the queue. The jobs claim their products themselves."""

import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from application.clock_watch import ClockWatch
from application.synchronisation.circuit_breaker import Breakers, CircuitBreaker
from application.synchronisation.timing import Timing
from application.unit_of_work import BeginWork


class Job(StrEnum):
    """The kinds of jobs; each run claims its own batch, so a job needs no arguments."""

    SUBMIT_REGISTRATIONS = "submit_registrations"
    REFRESH_DUE_PRODUCTS = "refresh_due_products"


class JobQueue(Protocol):
    """The jobs that wait for any worker. A job runs at least once; there is no promised order.

    Raises:
        StorageUnavailable: in every call.
    """

    async def waiting(self) -> int:
        """Return how many jobs no worker has begun yet."""

    async def put(self, job: Job) -> None:
        """Add one job."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """The result of a tick: jobs added, jobs that wait, and how long the most overdue observation has been due.

    `waiting` is 0 where nothing is due, because then the queue is not asked. `at` is by the storage's clock.
    """

    jobs: int
    waiting: int
    lag: timedelta
    at: datetime


@dataclass(frozen=True, slots=True)
class ScheduleDueWork:
    """Keep as many jobs waiting as the due work can fill. Every worker ticks; an empty claim ends a surplus job."""

    begin: BeginWork
    queue: JobQueue
    timing: Timing
    breakers: Breakers
    clocks: ClockWatch

    async def __call__(self) -> Scheduled:
        """Count the due work and add jobs for it, but none for work that its circuit breaker holds back.

        A process whose clock differs from the storage's adds none.
        """
        most, asked_at = self.timing.batches_per_tick, self.clocks.clock()
        async with self.begin() as work:
            due = await work.synchronisations.count_due(self.timing.refresh_interval, most * self.timing.batch_size)
        if self.clocks.compare(asked_at, due.at):
            return Scheduled(jobs=0, waiting=0, lag=due.lag, at=due.at)
        jobs = [Job.SUBMIT_REGISTRATIONS] * self._batches(due.registrations, self.breakers.registrations)
        jobs += [Job.REFRESH_DUE_PRODUCTS] * self._batches(due.observations, self.breakers.observations)
        if not jobs:
            return Scheduled(jobs=0, waiting=0, lag=due.lag, at=due.at)
        waiting = await self.queue.waiting()
        room = max(0, min(most, len(jobs)) - waiting)
        # The queue does not say which kinds wait already: in a fixed order one kind could starve the other.
        missing = random.sample(jobs, room)
        for job in missing:
            await self.queue.put(job)
        return Scheduled(jobs=len(missing), waiting=waiting + len(missing), lag=due.lag, at=due.at)

    def _batches(self, due: int, breaker: CircuitBreaker) -> int:
        batches = math.ceil(due / self.timing.batch_size)
        return batches if breaker.batches is None else min(batches, breaker.batches)
