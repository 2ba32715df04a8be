"""The tick: as many jobs wait as the due products can fill, and never more."""

from dataclasses import replace
from datetime import timedelta

import pytest

from application.storage import StorageUnavailable
from application.synchronisation.scheduling import Job, ScheduleDueWork
from fakes.clock_watch import clock_watch
from fakes.job_queue import InMemoryJobQueue
from fakes.synchronisation import TIMING, Synchronising

SUBMIT, REFRESH = Job.SUBMIT_REGISTRATIONS, Job.REFRESH_DUE_PRODUCTS


@pytest.fixture
def world() -> Synchronising:
    return Synchronising(timing=replace(TIMING, batch_size=2, batches_per_tick=3))


@pytest.fixture
def queue() -> InMemoryJobQueue:
    return InMemoryJobQueue()


@pytest.fixture
def tick(world: Synchronising, queue: InMemoryJobQueue) -> ScheduleDueWork:
    return ScheduleDueWork(world.storage.begin, queue, world.timing, world.breakers, clock_watch(world.storage))


async def test_nothing_due_is_no_job(tick: ScheduleDueWork, queue: InMemoryJobQueue) -> None:
    assert (await tick()).jobs == 0
    assert queue.jobs == []


async def test_every_kind_of_work_gets_the_batches_it_fills(
    world: Synchronising, tick: ScheduleDueWork, queue: InMemoryJobQueue
) -> None:
    for _ in range(3):
        await world.registered()
    await world.created()
    assert (await tick()).jobs == 3
    assert sorted(queue.jobs) == [REFRESH, REFRESH, SUBMIT]


async def test_jobs_that_wait_already_are_not_doubled(
    world: Synchronising, tick: ScheduleDueWork, queue: InMemoryJobQueue
) -> None:
    for _ in range(3):
        await world.created()
    assert ((await tick()).jobs, (await tick()).jobs) == (2, 0)
    queue.jobs.pop()
    assert (await tick()).jobs == 1


async def test_no_more_jobs_wait_than_one_tick_may_leave(
    world: Synchronising, tick: ScheduleDueWork, queue: InMemoryJobQueue
) -> None:
    for _ in range(20):
        await world.created()
    for _ in range(3):
        await tick()
    assert len(queue.jobs) == 3


async def test_work_that_is_leased_is_not_due(
    world: Synchronising, tick: ScheduleDueWork, queue: InMemoryJobQueue
) -> None:
    await world.created()
    async with world.storage.begin() as work:
        await work.synchronisations.claim_registrations(timedelta(seconds=25), 10)
        await work.commit()
    assert (await tick()).jobs == 0
    world.clock.advance(timedelta(seconds=25))
    assert (await tick()).jobs == 1


async def test_a_queue_that_is_away_is_told_to_the_caller(
    world: Synchronising, tick: ScheduleDueWork, queue: InMemoryJobQueue
) -> None:
    await world.created()
    queue.away = True
    with pytest.raises(StorageUnavailable):
        await tick()


async def test_neither_kind_of_work_starves_the_other_however_much_of_it_is_due(
    world: Synchronising, tick: ScheduleDueWork, queue: InMemoryJobQueue
) -> None:
    for _ in range(20):
        await world.registered()
    for _ in range(20):
        await world.created()
    done = []
    for _ in range(60):
        await tick()
        done.append(queue.jobs.pop(0))
    assert min(done.count(SUBMIT), done.count(REFRESH)) > 10


@pytest.mark.parametrize("ahead", [timedelta(seconds=61), timedelta(seconds=-61)])
async def test_a_process_whose_clock_differs_schedules_nothing_until_it_agrees(
    world: Synchronising, queue: InMemoryJobQueue, ahead: timedelta
) -> None:
    await world.created()
    off = [ahead]
    clocks = clock_watch(world.storage, lambda: world.clock.now + off[0])
    tick = ScheduleDueWork(world.storage.begin, queue, world.timing, world.breakers, clocks)
    scheduled = await tick()
    assert (scheduled.jobs, queue.jobs, clocks.too_far, scheduled.at) == (0, [], True, world.clock.now)
    off[0] = ahead / 2
    assert (await tick()).jobs == 1
    assert not clocks.too_far
