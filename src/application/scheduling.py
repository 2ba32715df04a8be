"""The tick: how much work is due, and how many jobs must wait for it. It hands out no products."""

import math
import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from application.pace import Pace
from application.ports import BeginWork


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
class ScheduleDueWork:
    """Let as many jobs wait as what is due can fill; every worker may tick, an empty claim ends a job too many."""

    begin: BeginWork
    queue: JobQueue
    pace: Pace

    async def __call__(self) -> int:
        """Return how many jobs were put into the queue."""
        most = self.pace.batches_per_tick
        async with self.begin() as work:
            due = await work.synchronisations.count_due(self.pace.refresh_interval, most * self.pace.batch_size)
        jobs = [Job.SUBMIT_REGISTRATIONS] * self._batches(due.registrations)
        jobs += [Job.REFRESH_DUE_PRODUCTS] * self._batches(due.observations)
        if not jobs:
            return 0
        room = max(0, min(most, len(jobs)) - await self.queue.waiting())
        # The queue does not tell which kind waits already; chosen in any order, one kind would starve the other.
        missing = random.sample(jobs, room)
        for job in missing:
            await self.queue.put(job)
        return len(missing)

    def _batches(self, due: int) -> int:
        return math.ceil(due / self.pace.batch_size)
