"""The tick: how much work is due, and how many jobs must wait for it. It hands out no products."""

import math
import random
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from application.synchronisation.circuit_breaker import Breakers, CircuitBreaker
from application.synchronisation.timing import Pace
from application.unit_of_work import BeginWork


class Job(StrEnum):
    """What a worker can be asked to do; each run claims its own batch, so a job needs no arguments."""

    SUBMIT_REGISTRATIONS = "submit_registrations"
    REFRESH_DUE_PRODUCTS = "refresh_due_products"


class JobQueue(Protocol):
    """The jobs that wait for any worker; at-least-once, in no promised order.

    Raises:
        StorageUnavailable: in every call.
    """

    async def waiting(self) -> int:
        """How many jobs no worker has begun yet."""

    async def put(self, job: Job) -> None:
        """Let one more job wait."""


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What a tick found and did; `lag` is for how long the longest waiting observation has been due.

    `waiting` counts the jobs that no worker has begun; where none is to be added, they are not asked for and it is 0.
    """

    jobs: int
    waiting: int
    lag: timedelta


@dataclass(frozen=True, slots=True)
class ScheduleDueWork:
    """Let as many jobs wait as what is due can fill; every worker may tick, an empty claim ends a job too many."""

    begin: BeginWork
    queue: JobQueue
    pace: Pace
    breakers: Breakers

    async def __call__(self) -> Scheduled:
        """Look what is due and put jobs into the queue; none for what the circuit breaker holds back."""
        most = self.pace.batches_per_tick
        async with self.begin() as work:
            due = await work.synchronisations.count_due(self.pace.refresh_interval, most * self.pace.batch_size)
        jobs = [Job.SUBMIT_REGISTRATIONS] * self._batches(due.registrations, self.breakers.registrations)
        jobs += [Job.REFRESH_DUE_PRODUCTS] * self._batches(due.observations, self.breakers.observations)
        if not jobs:
            return Scheduled(jobs=0, waiting=0, lag=due.lag)
        waiting = await self.queue.waiting()
        room = max(0, min(most, len(jobs)) - waiting)
        # The queue does not tell which kind waits already; chosen in any order, one kind would starve the other.
        missing = random.sample(jobs, room)
        for job in missing:
            await self.queue.put(job)
        return Scheduled(jobs=len(missing), waiting=waiting + len(missing), lag=due.lag)

    def _batches(self, due: int, breaker: CircuitBreaker) -> int:
        batches = math.ceil(due / self.pace.batch_size)
        return batches if breaker.batches is None else min(batches, breaker.batches)
