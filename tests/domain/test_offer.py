"""Comparing two observations: what changed, what ended, what is left."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.offer import ObservedOffers, Offer, OfferInterval, TrackedOffer, compare
from factories import some_id
from fakes.offers_gateway import observed

SEEN = datetime(2026, 3, 14, 12, tzinfo=UTC)
AT = SEEN + timedelta(minutes=1)
KNOWN_UNTIL = SEEN + timedelta(minutes=3)
ID = some_id()
TRACKED = TrackedOffer(ID, price=100, items_in_stock=5, first_seen_at=SEEN, changed_at=SEEN)
SOLD_OUT = replace(TRACKED, items_in_stock=0, sold_out_at=SEEN)


def test_a_new_offer_is_seen_and_changed_now() -> None:
    changes = compare([], observed(Offer(ID, 100, 5)), AT, None)
    assert changes.changed == changes.current == [TrackedOffer(ID, 100, 5, AT, AT, None)]
    assert changes.ended == []


def test_a_new_offer_without_stock_is_sold_out_from_the_start() -> None:
    changes = compare([], observed(Offer(ID, 100, 0)), AT, None)
    assert changes.changed == [TrackedOffer(ID, 100, 0, AT, AT, AT)]
    assert (changes.best, changes.in_stock) == (None, 0)


def test_an_unchanged_offer_is_no_change() -> None:
    changes = compare([TRACKED], observed(Offer(ID, 100, 5)), AT, KNOWN_UNTIL)
    assert (changes.changed, changes.ended, changes.current) == ([], [], [TRACKED])


def test_a_stock_count_is_current_state_only() -> None:
    changes = compare([TRACKED], observed(Offer(ID, 100, 4)), AT, KNOWN_UNTIL)
    assert changes.changed == [replace(TRACKED, items_in_stock=4)]
    assert changes.ended == []


def test_a_new_price_ends_the_old_one() -> None:
    changes = compare([TRACKED], observed(Offer(ID, 90, 5)), AT, KNOWN_UNTIL)
    assert changes.changed == [replace(TRACKED, price=90, changed_at=AT)]
    assert changes.ended == [OfferInterval(ID, 100, SEEN, AT)]


def test_an_absent_offer_and_one_without_stock_are_sold_out() -> None:
    for answer in (observed(), observed(Offer(ID, 70, 0))):
        changes = compare([TRACKED], answer, AT, KNOWN_UNTIL)
        assert changes.changed == [replace(TRACKED, items_in_stock=0, changed_at=AT, sold_out_at=AT)]
        assert changes.ended == [OfferInterval(ID, 100, SEEN, AT)]
        assert (changes.best, changes.in_stock) == (None, 0)


def test_a_sold_out_offer_that_stays_so_is_no_change() -> None:
    for answer in (observed(), observed(Offer(ID, 70, 0))):
        changes = compare([SOLD_OUT], answer, AT, KNOWN_UNTIL)
        assert (changes.changed, changes.ended, changes.current) == ([], [], [SOLD_OUT])


def test_a_restocked_offer_begins_anew_and_leaves_the_time_it_was_sold_out_alone() -> None:
    changes = compare([SOLD_OUT], observed(Offer(ID, 100, 2)), AT, KNOWN_UNTIL)
    assert changes.changed == [TrackedOffer(ID, 100, 2, SEEN, AT, None)]
    assert changes.ended == []


def test_a_price_does_not_carry_through_a_gap() -> None:
    changes = compare([TRACKED], observed(), KNOWN_UNTIL + timedelta(hours=1), KNOWN_UNTIL)
    assert changes.ended == [OfferInterval(ID, 100, SEEN, KNOWN_UNTIL)]


def test_an_interval_is_split_at_every_midnight() -> None:
    midnight = datetime(2026, 3, 15, tzinfo=UTC)
    at = midnight + timedelta(days=1, hours=2)
    changes = compare([TRACKED], observed(Offer(ID, 90, 5)), at, at + timedelta(hours=1))
    assert changes.ended == [
        OfferInterval(ID, 100, SEEN, midnight),
        OfferInterval(ID, 100, midnight, midnight + timedelta(days=1)),
        OfferInterval(ID, 100, midnight + timedelta(days=1), at),
    ]


def test_an_unreadable_row_leaves_its_offer_and_no_other_as_it_was() -> None:
    other = replace(TRACKED, id=some_id())
    changes = compare([TRACKED, other], ObservedOffers({}, unreadable=frozenset({ID})), AT, KNOWN_UNTIL)
    assert [offer.id for offer in changes.changed] == [other.id]
    assert TRACKED in changes.current
    assert (changes.best, changes.in_stock) == (TRACKED, 1)


def test_an_incomplete_answer_closes_no_offer_but_counts_where_it_can_be_read() -> None:
    other = replace(TRACKED, id=some_id())
    changes = compare([TRACKED, other], replace(observed(Offer(ID, 90, 5)), complete=False), AT, KNOWN_UNTIL)
    assert changes.changed == [replace(TRACKED, price=90, changed_at=AT)]
    assert other in changes.current


def test_the_best_offer_is_the_cheapest_in_stock_and_of_equals_the_one_with_the_smallest_id() -> None:
    first, second, third, sold_out = sorted(some_id() for _ in range(4))
    answer = observed(Offer(third, 5, 1), Offer(second, 5, 9), Offer(first, 6, 1), Offer(sold_out, 1, 0))
    changes = compare([], answer, AT, None)
    assert changes.best is not None
    assert changes.best.id == second
    assert changes.in_stock == 3


def test_a_price_of_zero_is_a_price() -> None:
    changes = compare([], observed(Offer(ID, 0, 1)), AT, None)
    assert changes.best is not None
    assert (changes.best.price, changes.in_stock) == (0, 1)
