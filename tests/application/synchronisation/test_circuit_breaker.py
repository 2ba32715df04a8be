"""The circuit breaker: upstream's trouble stops all but a few probes, a product's own trouble stops nothing."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from application.synchronisation.batch import Failed, Group, Succeeded
from application.synchronisation.batch_report import Outcome
from application.synchronisation.circuit_breaker import BreakerState
from application.synchronisation.offers_gateway import OffersServiceUnavailable
from application.synchronisation.scheduling import Job, ScheduleDueWork
from fakes.clock_watch import clock_watch
from fakes.job_queue import InMemoryJobQueue
from fakes.offers_gateway import observed
from fakes.synchronisation import INTERVAL, TIMING, Synchronising

DOWN = OffersServiceUnavailable("timeout")
PROBE_AFTER = timedelta(seconds=TIMING.probe_after)
FIRST_PROBE_AFTER = timedelta(seconds=TIMING.first_probe_after)
SECOND = timedelta(seconds=1)
PROBED = TIMING.telling_calls


@pytest.fixture
def world() -> Synchronising:
    return Synchronising(timing=replace(TIMING, batch_size=10, batch_deadline=10))


async def watched(world: Synchronising, count: int) -> list[UUID]:
    """Products that were all observed once, and are due."""
    ids = [await world.registered() for _ in range(count)]
    for _ in range(0, count, world.timing.batch_size):
        await world.refresh()
    world.next_slot()
    return ids


def all_down(world: Synchronising, ids: list[UUID]) -> None:
    world.upstream.trouble = dict.fromkeys(ids, DOWN)


async def test_while_upstream_is_in_trouble_nothing_is_claimed_and_all_stays_due(world: Synchronising) -> None:
    ids = await watched(world, 30)
    all_down(world, ids)
    assert (await world.refresh()).outcomes == {Outcome.FAILED: 10}
    before = dict(world.storage.rows.synchronisations)
    report = await world.refresh()
    assert (report.outcomes, report.held_back) == ({}, "the Offers service is in trouble")
    assert world.storage.rows.synchronisations == before


async def test_a_small_batch_probes_and_the_first_cycle_after_recovery_is_complete(world: Synchronising) -> None:
    ids = await watched(world, 30)
    all_down(world, ids)
    await world.refresh()
    world.clock.advance(FIRST_PROBE_AFTER * 0.9)
    assert (await world.refresh()).held_back
    world.clock.advance(FIRST_PROBE_AFTER * 0.1)
    assert (await world.refresh()).outcomes == {Outcome.FAILED: PROBED}
    assert (await world.refresh()).held_back

    world.upstream.trouble.clear()
    recovered_at = world.clock.advance(PROBE_AFTER)
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: PROBED}
    assert world.breakers.observations.state is BreakerState.CLOSED
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 10}
    world.clock.advance(INTERVAL - 1 * SECOND)
    while (await world.refresh()).outcomes:
        pass
    assert all((world.state(id).observed_at or recovered_at) >= recovered_at for id in ids)
    assert {world.state(id).consecutive_failures for id in ids} == {0}


async def test_the_wait_for_a_probe_is_a_third_of_the_trouble_so_far_within_bounds(world: Synchronising) -> None:
    all_down(world, await watched(world, 300))
    began = world.clock.now
    await world.refresh()
    probes = [0.0]
    while probes[-1] < 120:
        world.clock.advance(SECOND / 10)
        if (await world.refresh()).outcomes:
            probes.append((world.clock.now - began).total_seconds())
    for before, probe in pairwise(probes):
        wait = min(max(before / 3, TIMING.first_probe_after), TIMING.probe_after)
        assert wait <= probe - before < wait + 0.11
    assert len(probes) < 30


async def test_an_answered_probe_is_followed_by_the_rest_at_once(world: Synchronising) -> None:
    ids = await watched(world, 30)
    all_down(world, ids)
    await world.refresh()
    world.upstream.trouble.clear()
    world.clock.advance(FIRST_PROBE_AFTER)
    report = await world.refresh()
    assert (report.outcomes, report.full) == ({Outcome.OBSERVED: PROBED}, True)
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 10}


async def test_only_one_batch_probes_at_a_time(world: Synchronising) -> None:
    ids = await watched(world, 30)
    all_down(world, ids)
    await world.refresh()
    world.clock.advance(PROBE_AFTER)
    with world.breakers.observations.trial() as first, world.breakers.observations.trial() as second:
        assert (first.size, second.size) == (PROBED, 0)
    with world.breakers.observations.trial() as third:
        assert third.size == PROBED, "a probe that came to nothing is made again"


async def test_calls_that_were_under_way_do_not_put_the_probe_off(world: Synchronising) -> None:
    ids = await watched(world, 30)
    all_down(world, ids)
    with world.breakers.observations.trial() as under_way:
        await world.refresh()
        world.clock.advance(PROBE_AFTER)
        late = replace(world.state(ids[0]), consecutive_failures=0)
        under_way.count(Group({}, {ids[0]: Failed(DOWN, world.clock.now)}, frozenset()), [late])
    assert world.breakers.observations.state is BreakerState.HALF_OPEN


async def test_ten_minutes_of_trouble_cause_no_more_calls_than_ten_minutes_without(world: Synchronising) -> None:
    ids = await watched(world, 30)
    all_down(world, ids)
    world.upstream.answers.clear()
    for _ in range(600):
        await world.refresh()
        await world.refresh()
        world.clock.advance(SECOND)
    assert sum(world.upstream.answers.values()) <= 10 * len(ids)
    assert max(world.upstream.answers.values()) <= 10


async def test_one_bad_product_among_few_stops_nothing(world: Synchronising) -> None:
    """Each product is due in a second of its own, so that every batch is one product."""
    ids = []
    for _ in range(4):
        ids += await watched(world, 1)
        world.clock.advance(13 * SECOND - INTERVAL)
    world.clock.advance(INTERVAL)
    while (await world.refresh()).outcomes:
        pass
    world.upstream.trouble[ids[0]] = DOWN
    world.upstream.answers.clear()
    for _ in range(600):
        assert not (await world.refresh()).held_back
        world.clock.advance(SECOND)
    assert [world.upstream.answers[id] for id in ids[1:]] == [10, 10, 10]
    assert world.upstream.answers[ids[0]] <= 4


async def test_many_bad_products_do_not_starve_a_few_good_ones(world: Synchronising) -> None:
    ids = await watched(world, 40)
    good = ids[:8]
    all_down(world, ids[8:])
    for _ in range(5 * 60):
        for _ in range(5):
            await world.refresh()
        world.clock.advance(SECOND)
    world.upstream.answers.clear()
    for _ in range(10 * 60):
        for _ in range(5):
            await world.refresh()
        world.clock.advance(SECOND)
    assert {world.upstream.answers[id] for id in good} == {10}
    assert max(world.upstream.answers[id] for id in ids[8:]) <= 5


async def test_registrations_that_find_upstream_down_do_not_stop_observing(world: Synchronising) -> None:
    watched_ids = await watched(world, 3)
    pending = [await world.created() for _ in range(20)]
    all_down(world, pending)
    assert (await world.submit()).outcomes == {Outcome.FAILED: 10}
    assert (await world.submit()).held_back
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: len(watched_ids)}
    world.upstream.trouble.clear()
    world.clock.advance(timedelta(seconds=30))
    outcomes: Counter[Outcome] = Counter()
    for _ in range(3):
        outcomes += (await world.submit()).outcomes
    assert outcomes == {Outcome.REGISTERED: 20}


async def test_no_job_waits_for_what_is_held_back_and_one_for_a_probe(world: Synchronising) -> None:
    queue = InMemoryJobQueue()
    tick = ScheduleDueWork(world.storage.begin, queue, world.timing, world.breakers, clock_watch(world.storage))
    ids = await watched(world, 30)
    all_down(world, ids)
    await world.refresh()
    assert (await tick()).jobs == 0
    world.clock.advance(PROBE_AFTER)
    assert (await tick()).jobs == 1
    assert queue.jobs == [Job.REFRESH_DUE_PRODUCTS]


async def test_failures_that_come_before_the_answers_do_not_make_an_outage(world: Synchronising) -> None:
    ids = await watched(world, 10)
    states = [world.state(id) for id in ids]
    breaker = world.breakers.observations
    with breaker.trial() as trial:
        trial.count(Group({}, dict.fromkeys(ids[:5], Failed(DOWN, world.clock.now)), frozenset()), states[:5])
        assert breaker.state is BreakerState.CLOSED
        answered = Succeeded(observed(), world.clock.now)
        trial.count(Group(dict.fromkeys(ids[5:], answered), {}, frozenset()), states[5:])
    assert breaker.state is BreakerState.CLOSED


async def test_an_outage_that_is_certain_opens_the_breaker_before_the_batch_is_over(world: Synchronising) -> None:
    ids = await watched(world, 6)
    breaker = world.breakers.observations
    with breaker.trial() as trial:
        failed = dict.fromkeys(ids, Failed(DOWN, world.clock.now))
        assert trial.count(Group({}, failed, frozenset()), [world.state(id) for id in ids])
        assert breaker.state is BreakerState.OPEN


async def pass_seconds(world: Synchronising, seconds: int) -> None:
    """Let time pass, a few jobs of each kind running in every second."""
    for _ in range(seconds):
        for _ in range(3):
            await world.refresh()
            await world.submit()
        world.clock.advance(SECOND)


async def test_new_products_with_a_trouble_of_their_own_do_not_starve_the_others(world: Synchronising) -> None:
    good = await watched(world, 20)
    bad = [await world.registered() for _ in range(300)]
    all_down(world, bad)
    await pass_seconds(world, 120)
    world.upstream.answers.clear()
    await pass_seconds(world, 300)
    assert min(world.upstream.answers[id] for id in good) >= 4


async def test_a_registration_goes_through_beside_many_that_never_do(world: Synchronising) -> None:
    all_down(world, [await world.created() for _ in range(40)])
    await pass_seconds(world, 120)
    id = await world.created()
    await pass_seconds(world, 20)
    assert world.upstream.registrations[id] == 1


async def test_the_only_product_is_observed_soon_after_a_long_outage(world: Synchronising) -> None:
    ids = await watched(world, 1)
    await pass_seconds(world, 300)
    all_down(world, ids)
    await pass_seconds(world, 600)
    world.upstream.trouble.clear()
    world.upstream.answers.clear()
    await pass_seconds(world, 75)
    assert world.upstream.answers[ids[0]] >= 1
    assert world.state(ids[0]).consecutive_failures == 0


async def test_what_fails_fast_is_not_judged_before_the_slow_answers_are_in(world: Synchronising) -> None:
    ids = await watched(world, 10)
    breaker = world.breakers.observations
    failing = [replace(world.state(id), consecutive_failures=3) for id in ids[:6]]
    with breaker.trial() as trial:
        group: Group[object] = Group({}, dict.fromkeys(ids[:6], Failed(DOWN, world.clock.now)), frozenset())
        assert not trial.count(group, failing), "they have a trouble of their own"
        assert breaker.state is BreakerState.CLOSED


async def test_a_batch_from_before_the_recovery_does_not_open_the_breaker_again(world: Synchronising) -> None:
    ids = await watched(world, 20)
    all_down(world, ids)
    breaker = world.breakers.observations
    states = [world.state(id) for id in ids]
    with breaker.trial() as slow:
        await world.refresh()
        world.upstream.trouble.clear()
        world.clock.advance(PROBE_AFTER)
        await world.refresh()
        assert breaker.state is BreakerState.CLOSED
        slow.count(Group({}, dict.fromkeys(ids, Failed(DOWN, world.clock.now)), frozenset()), states)
    assert breaker.state is BreakerState.CLOSED
