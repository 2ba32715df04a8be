"""Registering products upstream: every answer leads to one visible state, and nothing is registered twice."""

import asyncio
from datetime import timedelta

import pytest

from application.storage import StorageUnavailable
from application.synchronisation.batch_report import Outcome
from application.synchronisation.offers_gateway import (
    AnswerRefused,
    NotAuthorised,
    OffersServiceError,
    OffersServiceUnavailable,
    RegistrationRefused,
)
from domain.product import RegistrationState
from domain.synchronisation import AT_ONCE
from fakes.offers_gateway import observed
from fakes.synchronisation import Synchronising
from waiting import let_time_pass, until


async def test_a_pending_product_becomes_registered_and_its_observation_due(world: Synchronising) -> None:
    id = await world.created()
    at = world.clock.advance(timedelta(seconds=1))
    report = await world.submit()
    assert report.outcomes == {Outcome.REGISTERED: 1}
    registration = world.product(id).registration
    assert (registration.state, registration.since, registration.submitted_at) == (
        RegistrationState.REGISTERED,
        at,
        at,
    )
    assert world.product(id).revision == 2
    assert (world.state(id).scheduled_at, world.state(id).last_success_at) == (AT_ONCE, at)
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 1}


async def test_a_registered_product_is_not_registered_again(world: Synchronising) -> None:
    id = await world.created()
    for _ in range(3):
        await world.submit()
        world.clock.advance(timedelta(hours=1))
    assert world.upstream.registrations == {id: 1}


async def test_a_lost_reply_is_made_good_by_the_retry_that_meets_409(world: Synchronising) -> None:
    id = await world.created()
    world.upstream.lost_replies[id] = OffersServiceUnavailable("reset")
    assert (await world.submit()).outcomes == {Outcome.FAILED: 1}
    assert world.product(id).registration.state is RegistrationState.PENDING
    world.clock.advance(timedelta(seconds=30))
    assert (await world.submit()).outcomes == {Outcome.REGISTERED: 1}
    assert world.upstream.registrations == {id: 1}


async def test_the_submission_is_stored_before_the_call_so_that_a_kill_after_it_is_known(world: Synchronising) -> None:
    id = await world.created()
    world.upstream.hanging[id] = asyncio.Event()
    submitting = asyncio.create_task(world.submit())
    await until(lambda: world.product(id).registration.submitted_at)
    assert world.product(id).registration.submitted_at == world.clock.now
    assert world.product(id).registration.state is RegistrationState.PENDING
    world.upstream.hanging[id].set()
    await submitting


async def test_a_409_after_an_earlier_submission_is_ours_even_before_offers_can_be_read(world: Synchronising) -> None:
    id = await world.created()
    world.upstream.trouble[id] = OffersServiceUnavailable("timeout")
    await world.submit()
    world.upstream.trouble.clear()
    world.upstream.foreign.add(id)
    world.clock.advance(timedelta(seconds=30))
    assert (await world.submit()).outcomes == {Outcome.REGISTERED: 1}


async def test_a_409_is_ours_if_the_offers_can_be_read(world: Synchronising) -> None:
    id = await world.created()
    world.upstream.offers[id] = observed()
    assert (await world.submit()).outcomes == {Outcome.REGISTERED: 1}
    assert world.product(id).registration.state is RegistrationState.REGISTERED


async def test_a_409_for_an_id_without_offers_is_a_conflict_for_good(world: Synchronising) -> None:
    id = await world.created()
    world.upstream.foreign.add(id)
    report = await world.submit()
    assert report.outcomes == {Outcome.CONFLICT: 1}
    product = world.product(id)
    assert (product.registration.state, product.revision) == (RegistrationState.CONFLICT, 2)
    assert (
        product.registration.detail
        == world.state(id).last_error
        == ("The Offers service has another product under this id.")
    )
    world.clock.advance(timedelta(days=1))
    assert not (await world.submit()).outcomes
    assert not (await world.refresh()).outcomes


async def test_a_refused_product_is_rejected_for_good_with_the_reason(world: Synchronising) -> None:
    id = await world.created()
    world.upstream.trouble[id] = RegistrationRefused("name: " + "x" * 500)
    assert (await world.submit()).outcomes == {Outcome.REJECTED: 1}
    registration = world.product(id).registration
    assert registration.state is RegistrationState.REJECTED
    assert registration.detail == world.state(id).last_error == ("name: " + "x" * 500)[:200]
    world.clock.advance(timedelta(days=1))
    assert not (await world.submit()).outcomes


async def test_an_unavailable_upstream_backs_off_up_to_half_a_minute_without_end(world: Synchronising) -> None:
    id = await world.created()
    world.upstream.trouble[id] = OffersServiceUnavailable("HTTP 503")
    waits = []
    for _ in range(40):
        others = [await world.created() for _ in range(2)]  # whose success shows that upstream is not down
        assert (await world.submit()).outcomes == {Outcome.FAILED: 1, Outcome.REGISTERED: len(others)}
        waits.append(world.waits(id).total_seconds())
        assert not (await world.submit()).outcomes
        world.clock.advance(world.waits(id))
    assert waits == [1, 2, 4, 8, 16, *[30] * 35]
    assert (world.state(id).consecutive_failures, world.state(id).last_error) == (40, "HTTP 503")
    assert world.product(id).revision == 1
    world.upstream.trouble.clear()
    assert (await world.submit()).outcomes == {Outcome.REGISTERED: 1}


async def test_the_backoff_is_fully_jittered(world: Synchronising) -> None:
    world.jitter = iter([0.5, 0.0]).__next__
    id = await world.created()
    world.upstream.trouble[id] = OffersServiceUnavailable("HTTP 503")
    await world.submit()
    assert world.waits(id) == timedelta(seconds=0.5)
    world.clock.advance(timedelta(seconds=0.5))
    await world.submit()
    assert world.waits(id) == timedelta(0)


@pytest.mark.parametrize(("asked", "waited"), [(120.0, 120), (300.0, 300), (86_400.0, 300), (1e300, 300), (0.0, 1)])
async def test_what_upstream_asks_for_is_honoured_up_to_five_minutes(
    world: Synchronising, asked: float, waited: int
) -> None:
    id = await world.created()
    world.upstream.trouble[id] = OffersServiceUnavailable("HTTP 429", retry_after=asked)
    assert (await world.submit()).outcomes == {Outcome.FAILED: 1}
    assert world.waits(id) == timedelta(seconds=waited)


@pytest.mark.parametrize("error", [NotAuthorised("no token"), OffersServiceUnavailable("no answer from /auth")])
async def test_nothing_is_claimed_without_access(world: Synchronising, error: OffersServiceError) -> None:
    id = await world.created()
    world.upstream.no_access = error
    report = await world.submit()
    assert (report.held_back, report.outcomes) == (str(error), {})
    assert (world.product(id).registration.submitted_at, world.state(id).consecutive_failures) == (None, 0)
    world.upstream.no_access = None
    assert (await world.submit()).outcomes == {Outcome.REGISTERED: 1}


async def test_access_lost_in_the_middle_costs_no_attempt(world: Synchronising) -> None:
    id = await world.created()
    state = world.state(id)
    world.upstream.trouble[id] = NotAuthorised("refused")
    report = await world.submit()
    assert (report.outcomes, report.errors) == ({Outcome.POSTPONED: 1}, {})
    assert world.state(id) == state
    world.upstream.trouble.clear()
    assert (await world.submit()).outcomes == {Outcome.REGISTERED: 1}


async def test_one_product_that_hangs_or_brings_out_a_defect_does_not_cost_the_others(
    world: Synchronising, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, defective, refused, *good = [await world.created() for _ in range(6)]
    world.upstream.hanging[hanging] = asyncio.Event()
    world.upstream.trouble[defective] = KeyError("secret")
    world.upstream.trouble[refused] = AnswerRefused("unexpected HTTP 418")
    submitting = asyncio.create_task(world.submit())
    await until(lambda: world.product(good[-1]).registration.state is RegistrationState.REGISTERED)
    let_time_pass(monkeypatch, world.timing.batch_deadline)
    report = await submitting
    assert report.outcomes == {Outcome.REGISTERED: len(good), Outcome.FAILED: 3}
    assert [type(defect) for defect in report.defects] == [KeyError]
    assert world.state(defective).last_error == "internal error (KeyError)"
    assert world.state(hanging).last_error == "no answer by the batch's deadline"


async def test_a_product_withdrawn_meanwhile_is_not_resurrected(world: Synchronising) -> None:
    id, other = await world.created(), await world.created()
    world.upstream.hanging[id] = asyncio.Event()
    submitting = asyncio.create_task(world.submit())
    await until(lambda: world.upstream.registrations[other])
    await world.withdraw(id)
    world.upstream.hanging[id].set()
    report = await submitting
    assert report.outcomes == {Outcome.REGISTERED: 1, Outcome.SUPERSEDED: 1}
    assert (report.defects, list(world.storage.rows.products)) == ([], [other])


async def test_an_edit_made_meanwhile_is_kept(world: Synchronising) -> None:
    id, other = await world.created(), await world.created()
    world.upstream.hanging[id] = asyncio.Event()
    submitting = asyncio.create_task(world.submit())
    await until(lambda: world.upstream.registrations[other])
    await world.amend(id, name="New name")
    world.upstream.hanging[id].set()
    await submitting
    product = world.product(id)
    assert (product.name, product.revision) == ("New name", 3)
    assert product.registration.state is RegistrationState.REGISTERED


async def test_a_storage_that_cannot_be_reached_is_told_to_the_caller(world: Synchronising) -> None:
    await world.created()
    world.storage.away = True
    with pytest.raises(StorageUnavailable):
        await world.submit()
