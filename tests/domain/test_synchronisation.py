"""One product's state: attempts, failures, answers that come too late."""

from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.offer import Offer, OfferInterval, TrackedOffer
from domain.prices.price import BestPrice, PriceState, PriceStep
from domain.synchronisation import AT_ONCE, Synchronisation
from factories import SynchronisationFactory, some_id
from fakes.offers_gateway import observed

AT = datetime(2026, 3, 14, 12, tzinfo=UTC)
INTERVAL = timedelta(seconds=60)
SECOND = timedelta(seconds=1)


def test_an_observation_is_stored_with_how_long_it_is_trusted() -> None:
    state = Synchronisation(some_id(), AT, consecutive_failures=3, last_error="timeout")
    dear, cheap = Offer(some_id(), 9, 2), Offer(some_id(), 7, 1)
    observation = state.observe([], observed(dear, cheap), AT, INTERVAL)
    assert (observation.product_id, observation.ended, observation.steps) == (state.product_id, [], [])
    assert {offer.id for offer in observation.changed} == {dear.id, cheap.id}
    assert (state.observed_at, state.known_until) == (AT, AT + 3 * INTERVAL)
    assert (state.best, state.best_offer, state.offers_in_stock) == (BestPrice(7, AT), cheap, 2)
    assert (state.last_attempt_at, state.last_success_at) == (AT, AT)
    assert (state.consecutive_failures, state.last_error) == (0, None)


@pytest.mark.parametrize("stored", [False, True], ids=["never seen", "sold out before"])
@pytest.mark.parametrize("complete", [True, False])
def test_out_of_stock_is_not_known_while_a_refused_row_may_be_an_offer_in_stock(complete: bool, stored: bool) -> None:
    state, sold_out, unreadable = Synchronisation(some_id(), AT), Offer(some_id(), 9, 0), some_id()
    before = [TrackedOffer(unreadable, 7, 0, AT - INTERVAL, AT, AT)] if stored else []
    answer = replace(observed(sold_out), unreadable=frozenset({unreadable}), complete=complete, refused=1)
    state.observe(before, answer, AT, INTERVAL)
    assert (state.best_offer, state.known_until) == (None, AT)
    state.observe(before, observed(sold_out), AT + INTERVAL, INTERVAL)
    assert state.known_until == AT + 4 * INTERVAL


def test_unknown_time_is_one_step_however_many_observations_show_nothing() -> None:
    state, offer = Synchronisation(some_id(), AT), Offer(some_id(), 9, 0)
    observations = [
        state.observe([], replace(observed(*offers), complete=False, refused=refused), AT + minute * INTERVAL, INTERVAL)
        for minute, (offers, refused) in enumerate([((offer,), 0), ((), 1), ((), 1), ((), 1), ((offer,), 0)])
    ]
    minutes = [AT + minute * INTERVAL for minute in (0, 1, 4)]
    assert [step for each in observations for step in each.steps] == [
        PriceStep(PriceState.OUT_OF_STOCK, None, *minutes[:2]),
        PriceStep(PriceState.UNKNOWN, None, *minutes[1:]),
    ]
    assert state.best == BestPrice(None, minutes[2])


def after_the_clock_was_ahead(by: timedelta, *prices: int) -> tuple[Synchronisation, TrackedOffer]:
    """Return a product whose one offer had these prices, a second after each other, until that time from now."""
    state, offer = Synchronisation(some_id(), AT), Offer(some_id(), prices[0], 1)
    tracked: dict[UUID, TrackedOffer] = {}
    for number, price in enumerate(prices):
        at = AT + by - (len(prices) - 1 - number) * SECOND
        observation = state.observe(tracked.values(), observed(replace(offer, price=price)), at, INTERVAL)
        tracked.update((each.id, each) for each in observation.changed)
    return state, tracked[offer.id]


def test_an_observation_replaces_one_from_the_future() -> None:
    state, offer = after_the_clock_was_ahead(timedelta(0), 1000)
    state.observed_at = state.known_until = AT + 60 * INTERVAL
    at = AT + INTERVAL
    observation = state.observe([offer], observed(Offer(offer.id, 900, 2)), at, INTERVAL)
    assert (state.observed_at, state.known_until, state.last_success_at) == (at, at + 3 * INTERVAL, at)
    assert (state.best, state.best_offer) == (BestPrice(900, at), Offer(offer.id, 900, 2))
    assert observation.steps == [PriceStep(PriceState.IN_STOCK, 1000, AT, at)]
    assert observation.ended == [OfferInterval(offer.id, 1000, AT, at)]


def test_history_that_was_recorded_while_the_clock_was_ahead_is_continued_where_it_ends() -> None:
    ahead = 60 * INTERVAL
    state, offer = after_the_clock_was_ahead(ahead, 1000, 950)
    observation = state.observe([offer], observed(Offer(offer.id, 900, 2)), AT, INTERVAL)
    assert (state.observed_at, state.known_until) == (AT, AT + 3 * INTERVAL)
    assert (state.best, state.best_offer) == (BestPrice(900, AT + ahead), Offer(offer.id, 900, 2))
    assert (observation.steps, observation.ended) == ([], [])
    (offer,) = observation.changed
    again = state.observe([offer], observed(Offer(offer.id, 800, 2)), AT + INTERVAL, INTERVAL)
    assert (again.steps, again.ended, state.best) == ([], [], BestPrice(800, AT + ahead))
    (offer,) = again.changed
    state.observe([offer], observed(Offer(offer.id, 800, 2)), AT + ahead - SECOND, INTERVAL)
    last = state.observe([offer], observed(Offer(offer.id, 700, 2)), AT + ahead + SECOND, INTERVAL)
    assert last.steps == [PriceStep(PriceState.IN_STOCK, 800, AT + ahead, AT + ahead + SECOND)]


def test_a_clock_that_was_behind_for_a_while_costs_no_history() -> None:
    state, offer = after_the_clock_was_ahead(timedelta(0), 1000)
    state.observe([offer], observed(Offer(offer.id, 1000, 1)), AT + SECOND, INTERVAL)
    before = state.observe([offer], observed(Offer(offer.id, 1000, 1)), AT - 60 * INTERVAL, INTERVAL)
    after = state.observe([offer], observed(Offer(offer.id, 1000, 1)), AT + 2 * SECOND, INTERVAL)
    assert before.steps == [PriceStep(PriceState.IN_STOCK, 1000, AT, AT + SECOND)]
    assert after.steps == [PriceStep(PriceState.UNKNOWN, None, AT + SECOND, AT + 2 * SECOND)]


def test_a_gap_is_measured_by_the_interval_that_was_in_force() -> None:
    state = Synchronisation(some_id(), AT)
    state.observe([], observed(), AT, INTERVAL)
    observation = state.observe([], observed(), AT + 200 * SECOND, 1000 * INTERVAL)
    assert [(step.valid_from, step.valid_to) for step in observation.steps] == [
        (AT, AT + 180 * SECOND),
        (AT + 180 * SECOND, AT + 200 * SECOND),
    ]
    assert state.known_until == AT + 200 * SECOND + 3000 * INTERVAL


def test_the_best_offer_follows_stock_and_seller_while_the_best_price_stands() -> None:
    state = Synchronisation(some_id(), AT)
    first, second = sorted((Offer(some_id(), 7, 5), Offer(some_id(), 7, 1)), key=lambda offer: offer.id)
    state.observe([], observed(second), AT, INTERVAL)
    before = [TrackedOffer(second.id, 7, second.items_in_stock, AT, AT)]
    state.observe(before, observed(first, second), AT + SECOND, INTERVAL)
    assert (state.best, state.best_offer, state.offers_in_stock) == (BestPrice(7, AT), first, 2)


def test_a_failure_keeps_what_was_observed_and_the_slot() -> None:
    state = SynchronisationFactory.build(consecutive_failures=2)
    expected = deepcopy(state)
    expected.consecutive_failures = 3
    expected.last_error = "timeout"
    expected.last_attempt_at, expected.not_before = AT, AT + INTERVAL
    state.fail("timeout", AT, AT + INTERVAL)
    assert state == expected


def test_the_first_observation_is_due_as_soon_as_the_registration_succeeded() -> None:
    state = Synchronisation(some_id(), AT, consecutive_failures=2, last_error="timeout")
    state.start_observing(AT + SECOND)
    assert (state.scheduled_at, state.not_before) == (AT_ONCE, AT + SECOND)
    assert state.next_attempt_at(INTERVAL) == AT + SECOND
    assert (state.last_attempt_at, state.last_success_at) == (AT + SECOND, AT + SECOND)


def test_failures_count_on_until_an_observation_succeeds() -> None:
    state = Synchronisation(some_id(), AT)
    state.fail("forgotten", AT, AT)
    state.start_observing(AT + SECOND)
    assert state.consecutive_failures == 1
    state.observe([], observed(), AT + 2 * SECOND, INTERVAL)
    assert (state.consecutive_failures, state.last_error) == (0, None)


def test_waiting_for_a_registration_ends_the_observing() -> None:
    state = SynchronisationFactory.build()
    observed_at = state.observed_at
    state.await_registration(AT)
    assert (state.scheduled_at, state.not_before, state.next_attempt_at(INTERVAL)) == (None, AT, AT)
    assert state.observed_at == observed_at


def test_a_registration_given_up_is_never_attempted() -> None:
    state = SynchronisationFactory.build(consecutive_failures=1)
    state.give_up("refused", AT)
    assert state.next_attempt_at(INTERVAL) is None
    assert (state.last_error, state.last_attempt_at, state.consecutive_failures) == ("refused", AT, 2)


def test_the_next_attempt_is_the_next_slot_unless_it_has_to_wait_longer() -> None:
    state = Synchronisation(some_id(), not_before=AT, scheduled_at=AT)
    assert state.next_attempt_at(INTERVAL) == AT + INTERVAL
    state.not_before = AT + 2 * INTERVAL
    assert state.next_attempt_at(INTERVAL) == AT + 2 * INTERVAL


def test_a_backed_off_product_gets_the_slot_that_is_due_when_it_may_be_attempted_again() -> None:
    state = Synchronisation(some_id(), AT, scheduled_at=AT)
    state.fail("timeout", AT, AT + 5 * INTERVAL)
    state.move_slot(INTERVAL)
    assert (state.scheduled_at, state.next_attempt_at(INTERVAL)) == (AT + 4 * INTERVAL, AT + 5 * INTERVAL)


def test_a_failure_that_is_not_backed_off_keeps_its_slot() -> None:
    state = Synchronisation(some_id(), AT, scheduled_at=AT)
    state.fail("timeout", AT + SECOND, AT + SECOND)
    state.move_slot(INTERVAL)
    assert (state.scheduled_at, state.next_attempt_at(INTERVAL)) == (AT, AT + INTERVAL)


def test_a_slot_that_is_brought_forward_is_due_that_much_earlier() -> None:
    state = Synchronisation(some_id(), AT, scheduled_at=AT)
    state.bring_forward(SECOND)
    assert state.next_attempt_at(INTERVAL) == AT + INTERVAL - SECOND
    state.await_registration(AT)
    state.bring_forward(SECOND)
    assert state.scheduled_at is None
