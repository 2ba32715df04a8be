"""Observing a batch of products: only what upstream showed is stored, and no product costs another anything."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from application.storage import StorageUnavailable
from application.synchronisation.batch_report import Outcome
from application.synchronisation.offers_gateway import (
    AnswerRefused,
    NotAuthorised,
    OffersServiceError,
    OffersServiceUnavailable,
)
from domain.offer import Offer, TrackedOffer
from domain.prices.price import BestPrice, PriceState, PriceStep
from domain.product import RegistrationState
from factories import some_id
from fakes.offers_gateway import observed
from fakes.storage import NOON
from fakes.synchronisation import INTERVAL, TIMING, Synchronising
from waiting import let_others_run, let_time_pass, until

SECOND = timedelta(seconds=1)
DOWN = OffersServiceUnavailable("HTTP 503")
REFUSED = AnswerRefused("not JSON")


def offer(price: int = 100) -> Offer:
    return Offer(some_id(), price, 3)


def snapshot(world: Synchronising, product_id: UUID) -> tuple[object, ...]:
    """What readers see of the product's offers, and its history."""
    state = world.state(product_id)
    history = [
        [row for id, row in rows if id == product_id]
        for rows in (world.storage.rows.intervals, world.storage.rows.steps)
    ]
    shown = (state.observed_at, state.known_until, state.best, state.best_offer, state.offers_in_stock)
    return (*shown, world.tracked(product_id), history)


async def test_an_observed_product_shows_its_offers_and_is_due_at_its_next_slot(world: Synchronising) -> None:
    lamp = offer()
    id = await world.registered(lamp)
    at = world.clock.now
    report = await world.refresh()
    assert (report.outcomes, report.errors, report.held_back) == ({Outcome.OBSERVED: 1}, {}, None)
    assert world.tracked(id) == [TrackedOffer(lamp.id, lamp.price, lamp.items_in_stock, at, at)]
    state = world.state(id)
    assert (state.observed_at, state.known_until) == (at, at + 3 * INTERVAL)
    assert (state.best, state.best_offer, state.offers_in_stock) == (BestPrice(100, at), lamp, 1)
    assert not (await world.refresh()).outcomes
    world.next_slot()
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 1}


async def test_a_changed_price_leaves_history_and_an_unchanged_one_none(world: Synchronising) -> None:
    lamp = offer(100)
    id = await world.watched(lamp)
    started = world.clock.now - INTERVAL
    await world.refresh()
    assert (world.storage.rows.intervals, world.storage.rows.steps) == ([], [])
    world.next_slot()
    world.upstream.offers[id] = observed(replace(lamp, price=90))
    await world.refresh()
    now = world.clock.now
    assert world.storage.rows.steps == [(id, PriceStep(PriceState.IN_STOCK, 100, started, now))]
    assert [(row.price, row.valid_from, row.valid_to) for _, row in world.storage.rows.intervals] == [
        (100, started, now)
    ]
    assert world.state(id).best == BestPrice(90, now)


async def test_an_empty_answer_is_sold_out(world: Synchronising) -> None:
    id = await world.watched(offer())
    world.upstream.offers[id] = observed()
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 1}
    assert (world.state(id).best, world.state(id).best_offer) == (BestPrice(None, world.clock.now), None)
    assert world.tracked(id)[0].sold_out_at == world.clock.now


async def test_an_observation_is_no_revision(world: Synchronising) -> None:
    id = await world.registered(offer())
    product = world.product(id)
    await world.refresh()
    assert world.product(id) == product


async def test_an_observation_is_dated_by_the_storages_clock(world: Synchronising) -> None:
    id = await world.registered(offer())
    world.upstream.hanging[id] = asyncio.Event()
    uptime = replace(world.refresh, now=lambda: (world.clock.now - NOON).total_seconds() + 7)
    refreshing = asyncio.create_task(uptime())
    await until(lambda: world.state(id).scheduled_at == world.clock.now)
    await let_others_run()  # so that the call is under way
    world.clock.advance(3 * SECOND)
    world.upstream.hanging[id].set()
    await refreshing
    assert world.state(id).observed_at == world.clock.now


@pytest.mark.parametrize("error", [DOWN, REFUSED, OffersServiceUnavailable("timeout"), KeyError("defect")])
async def test_a_failed_product_keeps_what_it_shows(world: Synchronising, error: Exception) -> None:
    id = await world.watched(offer())
    before = snapshot(world, id)
    world.upstream.trouble[id] = error
    report = await world.refresh()
    assert report.outcomes == {Outcome.FAILED: 1}
    assert snapshot(world, id) == before
    state = world.state(id)
    assert (state.consecutive_failures, state.last_attempt_at) == (1, world.clock.now)
    assert state.last_error == next(iter(report.errors))


async def test_a_long_error_is_cut(world: Synchronising) -> None:
    id = await world.watched()
    world.upstream.trouble[id] = AnswerRefused("x" * 5000)
    await world.refresh()
    assert world.state(id).last_error == "x" * 200


async def test_trouble_of_most_products_adds_no_backoff(world: Synchronising) -> None:
    ids = [await world.registered() for _ in range(5)]
    await world.refresh()
    world.next_slot()
    world.upstream.trouble = dict.fromkeys(ids[:3], DOWN)
    report = await world.refresh()
    assert report.outcomes == {Outcome.FAILED: 3, Outcome.OBSERVED: 2}
    assert [world.waits(id) for id in ids[:3]] == [timedelta(0)] * 3
    world.upstream.trouble.clear()
    world.next_slot()
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 5}


async def test_what_goes_on_failing_while_others_succeed_is_the_products_own_trouble(world: Synchronising) -> None:
    ids = [await world.registered() for _ in range(5)]
    world.upstream.trouble = dict.fromkeys(ids[:3], DOWN)
    await world.refresh()
    world.next_slot()
    assert (await world.refresh()).outcomes == {Outcome.FAILED: 3, Outcome.OBSERVED: 2}
    assert [world.waits(id) / INTERVAL for id in ids[:3]] == [2, 2, 2]


@pytest.mark.parametrize("error", [DOWN, REFUSED, KeyError("defect")])
async def test_a_products_own_trouble_backs_off_up_to_ten_intervals(world: Synchronising, error: Exception) -> None:
    id, *others = [await world.registered() for _ in range(3)]
    world.upstream.trouble[id] = error
    await world.refresh()
    assert world.waits(id) == INTERVAL
    world.next_slot()
    waits = []
    for _ in range(5):
        outcomes = (await world.refresh()).outcomes
        assert outcomes == {Outcome.FAILED: 1, Outcome.OBSERVED: len(others)}
        waits.append(world.waits(id) / INTERVAL)
        world.clock.advance(world.waits(id) - SECOND)
        assert (await world.refresh()).outcomes == {Outcome.OBSERVED: len(others)}
        world.clock.advance(INTERVAL)
    assert waits == [2, 4, 8, 10, 10]


async def test_half_the_products_in_trouble_is_their_own_trouble(world: Synchronising) -> None:
    ids = [await world.registered() for _ in range(4)]
    world.upstream.trouble = dict.fromkeys(ids[:2], DOWN)
    await world.refresh()
    assert [world.waits(id) > timedelta(0) for id in ids] == [True, True, False, False]


async def test_refused_answers_are_no_trouble_of_upstream(world: Synchronising) -> None:
    ids = [await world.registered() for _ in range(3)]
    world.upstream.trouble = dict.fromkeys(ids, REFUSED)
    await world.refresh()
    assert [world.waits(id) / INTERVAL for id in ids] == [1, 1, 1]


@pytest.mark.parametrize(("asked", "waited"), [(150.0, 150), (300.0, 300), (86_400.0, 300)])
@pytest.mark.parametrize("healthy", [0, 2])
async def test_what_upstream_asks_for_is_honoured_up_to_five_minutes(
    world: Synchronising, asked: float, waited: int, healthy: int
) -> None:
    id, *_ = [await world.registered() for _ in range(1 + healthy)]
    world.upstream.trouble[id] = OffersServiceUnavailable("HTTP 429", retry_after=asked)
    await world.refresh()
    assert world.waits(id) == timedelta(seconds=waited)


async def test_a_forgotten_product_is_registered_again_once_and_keeps_what_it_shows(world: Synchronising) -> None:
    lamp = offer()
    id, other = await world.watched(lamp), await world.watched()
    before = snapshot(world, id)
    world.upstream.forget(id)
    report = await world.refresh()
    assert report.outcomes == {Outcome.FORGOTTEN: 1, Outcome.OBSERVED: 1}
    assert snapshot(world, id) == before
    product = world.product(id)
    assert (product.registration.state, product.registration.submitted_at) == (RegistrationState.PENDING, None)
    assert world.product(other).registration.state is RegistrationState.REGISTERED
    world.next_slot()
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 1}
    assert (await world.submit()).outcomes == {Outcome.REGISTERED: 1}
    world.upstream.offers[id] = observed(lamp)
    assert (await world.refresh()).outcomes[Outcome.OBSERVED] == 1
    assert world.upstream.registrations == {id: 2, other: 1}
    assert world.state(id).consecutive_failures == 0


async def test_an_upstream_that_forgets_at_once_is_asked_ever_more_slowly(world: Synchronising) -> None:
    id = await world.registered()
    waits = []
    for _ in range(6):
        world.upstream.forget(id)
        assert (await world.refresh()).outcomes == {Outcome.FORGOTTEN: 1}
        waits.append(world.waits(id).total_seconds())
        world.clock.advance(world.waits(id))
        assert (await world.submit()).outcomes == {Outcome.REGISTERED: 1}
    assert waits == [1, 2, 4, 8, 16, 30]


@pytest.mark.parametrize("error", [NotAuthorised("no token"), OffersServiceUnavailable("no answer from /auth")])
async def test_nothing_is_claimed_without_access(world: Synchronising, error: OffersServiceError) -> None:
    id = await world.watched(offer())
    state = world.state(id)
    world.upstream.no_access = error
    report = await world.refresh()
    assert (report.held_back, report.outcomes) == (str(error), {})
    assert world.state(id) == state
    world.upstream.no_access = None
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 1}


async def test_access_lost_in_the_middle_costs_no_attempt_and_no_slot(world: Synchronising) -> None:
    id, other = await world.watched(offer()), await world.watched()
    world.upstream.trouble[id] = NotAuthorised("refused")
    before = world.state(id)
    report = await world.refresh()
    assert report.outcomes == {Outcome.POSTPONED: 1, Outcome.OBSERVED: 1}
    assert (world.state(id).consecutive_failures, world.state(id).not_before) == (0, before.not_before)
    assert world.state(id).last_attempt_at == before.last_attempt_at
    world.upstream.trouble.clear()
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 1}
    assert world.state(id).scheduled_at == world.state(other).scheduled_at


async def test_a_hanging_product_fails_by_the_deadline_after_the_others_were_written(
    world: Synchronising, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, other = await world.watched(offer()), await world.watched(offer())
    before = snapshot(world, hanging)
    world.upstream.hanging[hanging] = asyncio.Event()
    refreshing = asyncio.create_task(world.refresh())
    await until(lambda: world.state(other).observed_at == world.clock.now)
    assert not refreshing.done()
    let_time_pass(monkeypatch, world.timing.batch_deadline)
    report = await refreshing
    assert report.outcomes == {Outcome.FAILED: 1, Outcome.OBSERVED: 1}
    assert snapshot(world, hanging) == before
    assert world.state(hanging).last_error == "no answer by the batch's deadline"


async def test_a_defect_of_one_product_does_not_cost_the_others(world: Synchronising) -> None:
    ids = [await world.registered(offer()) for _ in range(3)]
    world.upstream.trouble[ids[0]] = ZeroDivisionError("secret")
    report = await world.refresh()
    assert report.outcomes == {Outcome.FAILED: 1, Outcome.OBSERVED: 2}
    assert report.errors == {"internal error (ZeroDivisionError)": 1}
    assert [type(defect) for defect in report.defects] == [ZeroDivisionError]


async def test_a_cancelled_batch_writes_what_has_arrived_and_hands_the_rest_back(world: Synchronising) -> None:
    world = Synchronising(timing=replace(TIMING, batch_deadline=30, group_age=30))
    answered, hanging = await world.watched(offer()), await world.watched(offer())
    slot = world.clock.now
    before = snapshot(world, hanging)
    world.upstream.hanging[hanging] = asyncio.Event()
    world.upstream.answers.clear()
    refreshing = asyncio.create_task(world.refresh())
    await until(lambda: world.upstream.answers[answered])
    refreshing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await refreshing
    assert world.state(answered).observed_at == slot
    assert (snapshot(world, hanging), world.state(hanging).consecutive_failures) == (before, 0)
    world.upstream.hanging.clear()
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 1}
    assert world.state(hanging).scheduled_at == world.state(answered).scheduled_at


async def test_a_batch_that_lost_its_lease_writes_nothing(world: Synchronising) -> None:
    id = await world.watched(offer(100))
    world.upstream.hanging[id] = asyncio.Event()
    late = asyncio.create_task(world.refresh())
    await until(lambda: world.state(id).scheduled_at == world.clock.now)
    await let_others_run()
    held = world.upstream.hanging.pop(id)
    world.clock.advance(world.timing.lease)
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 1}
    written = snapshot(world, id)
    world.clock.advance(SECOND)
    world.upstream.offers[id] = observed(offer(1))
    held.set()
    assert (await late).outcomes == {Outcome.SUPERSEDED: 1}
    assert snapshot(world, id) == written


@pytest.mark.parametrize("error", [None, DOWN, KeyError("defect")])
async def test_after_the_storages_clock_was_ahead_the_next_poll_puts_all_right(
    world: Synchronising, error: Exception | None
) -> None:
    id, new = await world.watched(offer()), offer(1)
    world.clock.advance(60 * INTERVAL)
    world.upstream.trouble = {} if error is None else {id: error}
    assert (await world.refresh()).outcomes.total() == 1
    world.clock.advance(-60 * INTERVAL)
    world.upstream.trouble = {}
    world.upstream.offers[id] = observed(new)
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 1}
    state, now = world.state(id), world.clock.now
    assert (state.scheduled_at, state.observed_at, state.known_until) == (now, now, now + 3 * INTERVAL)
    assert (state.best_offer, state.consecutive_failures) == (new, 0)
    assert (await world.refresh()).outcomes == {}
    world.next_slot()
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 1}


async def test_a_product_withdrawn_meanwhile_is_not_resurrected(world: Synchronising) -> None:
    id, other = await world.watched(offer()), await world.watched(offer())
    world.upstream.hanging[id] = asyncio.Event()
    world.upstream.answers.clear()
    refreshing = asyncio.create_task(world.refresh())
    await until(lambda: world.upstream.answers[other])
    await world.withdraw(id)
    world.upstream.hanging[id].set()
    assert (await refreshing).outcomes == {Outcome.OBSERVED: 1, Outcome.SUPERSEDED: 1}
    assert list(world.storage.rows.products) == list(world.storage.rows.synchronisations) == [other]


async def test_a_batch_is_no_larger_than_its_size_and_takes_the_oldest_first(world: Synchronising) -> None:
    world = Synchronising(timing=replace(TIMING, batch_size=2))
    for _ in range(3):
        await world.registered()
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 2}
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 1}


async def test_a_storage_that_fails_at_the_write_is_told_to_the_caller_and_the_batch_is_redone(
    world: Synchronising,
) -> None:
    id = await world.watched(offer())
    before = snapshot(world, id)
    world.upstream.hanging[id] = asyncio.Event()
    refreshing = asyncio.create_task(world.refresh())
    await until(lambda: world.state(id).scheduled_at == world.clock.now)
    await let_others_run()
    world.storage.away = True
    world.upstream.hanging[id].set()
    with pytest.raises(StorageUnavailable):
        await refreshing
    world.storage.away = False
    assert snapshot(world, id) == before
    world.clock.advance(world.timing.lease)
    assert (await world.refresh()).outcomes == {Outcome.OBSERVED: 1}
