"""A worker whose tick, jobs, breaker and backoff are the service's own, while each batch only takes its time."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.metrics.metrics import Metrics
from application.clock_watch import ClockWatch
from application.synchronisation.backoff import Backoff
from application.synchronisation.batch import Failed, Group, Succeeded
from application.synchronisation.batch_report import BatchReport, Outcome
from application.synchronisation.circuit_breaker import Breakers, CircuitBreaker
from application.synchronisation.offers_gateway import OffersServiceUnavailable
from application.synchronisation.scheduling import Job, ScheduleDueWork
from application.synchronisation.timing import Timing
from benchmarks.schedule.catalogue import EPOCH, Catalogue
from domain.synchronisation import Synchronisation
from entrypoints.monitoring import Heartbeat
from entrypoints.worker.jobs import batch_job
from entrypoints.worker.tick import Tick

STALLED = 30.0
_TROUBLE = OffersServiceUnavailable("simulated")


@dataclass
class Upstream:
    """The Offers service: how long calls take, how many fail, and whether all do."""

    dice: random.Random
    seconds: float = 0.020
    failing: float = 0.0
    down: bool = False

    def answers(self) -> bool:
        """Whether the next call is answered."""
        return not self.down and self.dice.random() >= self.failing


class Queue:
    """The jobs that wait for any worker."""

    def __init__(self) -> None:
        self.jobs: asyncio.Queue[Job] = asyncio.Queue()

    async def waiting(self) -> int:
        """See `JobQueue`."""
        return self.jobs.qsize()

    async def put(self, job: Job) -> None:
        """See `JobQueue`."""
        self.jobs.put_nowait(job)


@dataclass
class Worker:
    """One worker, which can observe `rate` products a second at the most."""

    catalogue: Catalogue
    queue: Queue
    upstream: Upstream
    timing: Timing
    rate: float
    observed: int = 0
    _free_at: float = 0.0
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    def start(self, after: float) -> None:
        """Begin to take jobs, and to tick after some seconds."""
        clock = self.catalogue.clock
        self._breaker = CircuitBreaker(self.timing, clock)
        self._backoff = Backoff(self.timing, self.upstream.dice.random)
        breakers, metrics = Breakers(CircuitBreaker(self.timing, clock), self._breaker), Metrics()
        clocks = ClockWatch(self.catalogue.time, _time_of(self.catalogue), _ignore)
        schedule = ScheduleDueWork(self.catalogue.begin, self.queue, self.timing, breakers, clocks)
        tick = Tick(schedule, breakers, metrics, self.timing, Heartbeat(STALLED))
        job = batch_job("refresh", self._batch, self.timing, metrics)
        self._tasks = [asyncio.create_task(_later(after, tick.run))]
        self._tasks += [asyncio.create_task(self._work(job)) for _ in range(self.timing.batches_at_once)]

    async def stop(self) -> None:
        """End it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self, job: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self.queue.jobs.get()
            await job()

    async def _batch(self, report: BatchReport) -> None:
        with self._breaker.trial() as trial:
            report.size = trial.size
            claimed = dict(self.catalogue.claim(trial.size))
            if not claimed:
                return
            await self._take_time(len(claimed))
            at = self.catalogue.time()
            failed = {product: Failed(_TROUBLE, at) for product in claimed if not self.upstream.answers()}
            answered = {product: Succeeded(None, at) for product in claimed if product not in failed}
            group = Group(answered, failed, frozenset())
            states = [Synchronisation(product, at) for product in claimed]
            trouble = trial.count(group, states)
            for state in states:
                if state.product_id in answered:
                    self.catalogue.observe(state.product_id, claimed[state.product_id])
                else:
                    state.scheduled_at = EPOCH + timedelta(seconds=claimed[state.product_id])
                    self._fail(state, at, upstream_in_trouble=trouble)
            self.observed += len(answered)
            report.add(group, dict.fromkeys(answered, Outcome.OBSERVED) | dict.fromkeys(failed, Outcome.FAILED))

    async def _take_time(self, products: int) -> None:
        """Wait as long as the worker needs for the products beside its other batches, and upstream for an answer."""
        now = self.catalogue.clock()
        self._free_at = max(self._free_at, now) + products / self.rate
        await asyncio.sleep(self._free_at + self.upstream.seconds - now)

    def _fail(self, state: Synchronisation, at: datetime, *, upstream_in_trouble: bool) -> None:
        retry_at = self._backoff.observation(_TROUBLE, 1, at, upstream_in_trouble=upstream_in_trouble)
        state.fail(str(_TROUBLE), at, retry_at)
        state.move_slot(self.timing.refresh_interval)
        if upstream_in_trouble:
            state.bring_forward(self._backoff.spread())
        if state.scheduled_at is not None:
            self.catalogue.wait(state.product_id, (state.scheduled_at - EPOCH).total_seconds())


async def _later(seconds: float, run: Callable[[], Awaitable[None]]) -> None:
    await asyncio.sleep(seconds)
    await run()


def _ignore(ahead: timedelta, *, too_far: bool) -> None:
    """Both clocks are the same."""


def _time_of(catalogue: Catalogue) -> Callable[[], Awaitable[datetime]]:
    async def ask() -> datetime:
        return catalogue.time()

    return ask
