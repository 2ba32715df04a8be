"""The tick of a worker: it goes on through every trouble, shows how things stand, and says once what changed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from adapters.clock_log import LoggedClockDifference
from adapters.metrics.metrics import Metrics
from application.synchronisation.offers_gateway import OffersServiceUnavailable
from application.synchronisation.scheduling import ScheduleDueWork
from entrypoints.monitoring import Heartbeat
from entrypoints.worker.tick import Tick
from fakes.clock_watch import clock_watch
from fakes.job_queue import InMemoryJobQueue
from fakes.synchronisation import TIMING, Synchronising
from waiting import until

SECOND = timedelta(seconds=1)


class Ticking:
    """A tick every millisecond over a catalogue in memory."""

    def __init__(self) -> None:
        self.world = Synchronising(timing=replace(TIMING, tick=0.001))
        self.queue = InMemoryJobQueue()
        self.ahead = 0 * SECOND
        self.metrics = Metrics()
        self.metrics.working()
        self.heartbeat = Heartbeat(patience=30)
        world = self.world
        observe = LoggedClockDifference(self.metrics.database.clock)
        clocks = clock_watch(world.storage, lambda: world.clock.now + self.ahead, observe)
        schedule = ScheduleDueWork(world.storage.begin, self.queue, world.timing, world.breakers, clocks)
        self.tick = Tick(schedule, self.world.breakers, self.metrics, self.world.timing, self.heartbeat)

    async def several_times(self) -> None:
        """Let it tick several times."""
        before = self.heartbeat.beats
        await until(lambda: self.heartbeat.beats >= before + 5)

    def shows(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def ticking() -> Ticking:
    return Ticking()


@asynccontextmanager
async def running(ticking: Ticking) -> AsyncIterator[None]:
    task = asyncio.create_task(ticking.tick.run())
    try:
        yield
    finally:
        task.cancel()


async def test_it_queues_what_is_due_and_shows_lag_and_queue(ticking: Ticking) -> None:
    await ticking.world.watched()
    ticking.world.clock.advance(25 * SECOND)
    async with running(ticking):
        await until(lambda: ticking.shows("aggregator_waiting_jobs") == 1)
    assert ticking.shows("aggregator_refresh_lag_seconds") == 25
    assert len(ticking.queue.jobs) == 1


async def test_it_goes_on_without_the_database_and_says_so_once(ticking: Ticking) -> None:
    ticking.world.storage.away = True
    ticking.heartbeat._last -= 100
    with capture_logs() as logs:
        async with running(ticking):
            await until(lambda: not ticking.heartbeat.stalled)
            await ticking.several_times()
            ticking.world.storage.away = False
            await until(lambda: len(logs) == 2)
            await ticking.several_times()
    assert [entry["event"] for entry in logs] == ["schedule stopped", "schedule resumed"]


async def test_it_shows_the_breakers_and_says_once_that_one_opened_and_closed(ticking: Ticking) -> None:
    world = ticking.world
    ids = [await world.registered() for _ in range(5)]
    with capture_logs() as logs:
        async with running(ticking):
            await until(lambda: ticking.shows("aggregator_breaker_state", work="refresh", state="closed") == 1)
            world.upstream.trouble = dict.fromkeys(ids, OffersServiceUnavailable("timeout"))
            await world.refresh()
            await until(lambda: ticking.shows("aggregator_breaker_state", work="refresh", state="open") == 1)
            assert ticking.shows("aggregator_breaker_state", work="registrations", state="closed") == 1
            world.upstream.trouble.clear()
            world.clock.advance(60 * SECOND)
            await until(lambda: ticking.shows("aggregator_breaker_state", work="refresh", state="half_open") == 1)
            await world.refresh()
            await until(lambda: ticking.shows("aggregator_breaker_state", work="refresh", state="closed") == 1)
    assert [(entry["event"], entry["work"], entry["state"]) for entry in logs] == [
        ("circuit breaker", "refresh", "open"),
        ("circuit breaker", "refresh", "closed"),
    ]


async def test_a_clock_that_differs_is_shown_said_once_and_schedules_nothing(ticking: Ticking) -> None:
    await ticking.world.created()
    ticking.ahead = timedelta(hours=1)
    with capture_logs() as logs:
        async with running(ticking):
            await until(lambda: ticking.shows("aggregator_clock_difference_seconds") == 3600)
            await ticking.several_times()
            assert ticking.queue.jobs == []
            ticking.ahead = timedelta(0)
            await until(lambda: ticking.queue.jobs)
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("clock differs from the database's", "error"),
        ("clock agrees with the database's again", "info"),
    ]
    assert ticking.shows("aggregator_clock_difference_seconds") == 0
