"""Comparing two observations: changed, ended and remaining offers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from domain.offer import ObservedOffers, Offer, OfferChanges, OfferInterval, TrackedOffer, Trust
from domain.offer import compare as compare_trusting
from factories import some_id
from fakes.offers_gateway import observed

SEEN = datetime(2026, 3, 14, 12, tzinfo=UTC)
AT = SEEN + timedelta(minutes=1)
KNOWN_UNTIL = SEEN + timedelta(minutes=3)
ID = some_id()
TRACKED = TrackedOffer(ID, price=100, items_in_stock=5, first_seen_at=SEEN, changed_at=SEEN)
SOLD_OUT = replace(TRACKED, items_in_stock=0, sold_out_at=SEEN)


def compare(
    before: list[TrackedOffer],
    answer: ObservedOffers,
    at: datetime,
    known_until: datetime | None,
    observed_at: datetime = SEEN,
) -> OfferChanges:
    """Compare with answers a minute apart, of which the last one came in at `observed_at`."""
    return compare_trusting(before, answer, at, known_until, Trust(at, observed_at, timedelta(minutes=1)))


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


UNREADABLE = ObservedOffers({}, unreadable=frozenset({ID}))
UNCONFIRMED = replace(TRACKED, known_until=KNOWN_UNTIL)
LOST = replace(TRACKED, items_in_stock=0, changed_at=KNOWN_UNTIL, sold_out_at=KNOWN_UNTIL, known_until=KNOWN_UNTIL)
LATER = KNOWN_UNTIL + timedelta(minutes=5)


def test_an_unreadable_row_leaves_its_offer_alone_in_stock_for_as_long_as_the_last_answer_is_trusted() -> None:
    other = replace(TRACKED, id=some_id())
    changes = compare([TRACKED, other], UNREADABLE, AT, None)
    assert changes.changed == [UNCONFIRMED, replace(other, items_in_stock=0, changed_at=AT, sold_out_at=AT)]
    assert (changes.best, changes.in_stock, changes.known_until(changes.best, AT)) == (UNCONFIRMED, 1, KNOWN_UNTIL)
    again = compare([UNCONFIRMED], UNREADABLE, AT, None)
    assert (again.changed, again.current) == ([], [UNCONFIRMED])


def test_an_offer_that_stays_unconfirmed_becomes_unknown_when_its_trust_ends() -> None:
    changes = compare([UNCONFIRMED], UNREADABLE, LATER, None)
    assert changes.changed == changes.current == [LOST]
    assert LOST.unknown
    assert changes.ended == [OfferInterval(ID, 100, SEEN, KNOWN_UNTIL)]
    assert (changes.best, changes.in_stock) == (None, 0)
    again = compare([LOST], UNREADABLE, LATER, None)
    assert (again.changed, again.ended) == ([], [])


def test_the_answer_nearest_to_the_end_of_the_trust_decides() -> None:
    early = KNOWN_UNTIL - timedelta(seconds=20)
    changes = compare([UNCONFIRMED], UNREADABLE, early, None)
    assert changes.changed == [replace(LOST, changed_at=early, sold_out_at=early, known_until=early)]
    assert changes.ended == [OfferInterval(ID, 100, SEEN, early)]


def test_an_offer_that_shows_again_while_it_is_trusted_was_there_all_the_time() -> None:
    changes = compare([UNCONFIRMED], observed(Offer(ID, 100, 5)), AT, None)
    assert (changes.changed, changes.ended) == ([TRACKED], [])


def test_an_offer_that_shows_again_later_was_unknown_meanwhile() -> None:
    for before, ended in ((UNCONFIRMED, [OfferInterval(ID, 100, SEEN, KNOWN_UNTIL)]), (LOST, [])):
        changes = compare([before], observed(Offer(ID, 100, 5)), LATER, None)
        assert changes.changed == [replace(TRACKED, changed_at=LATER)]
        assert changes.ended == [*ended, OfferInterval(ID, None, KNOWN_UNTIL, LATER)]


def test_an_unknown_offer_whose_absence_shows_is_sold_out_from_then_on() -> None:
    changes = compare([LOST], observed(), LATER, None)
    (after,) = changes.changed
    assert (after.sold_out_at, after.changed_at, after.known_until, after.unknown) == (LATER, LATER, None, False)
    assert changes.ended == [OfferInterval(ID, None, KNOWN_UNTIL, LATER)]


def test_a_confirmed_offer_is_the_best_of_equals() -> None:
    smaller, larger = sorted([some_id(), some_id()])
    before = [replace(TRACKED, id=smaller), replace(TRACKED, id=larger)]
    answer = replace(observed(Offer(larger, 100, 5)), complete=False)
    changes = compare(before, answer, AT, None)
    assert (changes.best and changes.best.id, changes.known_until(changes.best, AT)) == (larger, None)


def test_with_unknown_offers_alone_it_is_unknown_whether_any_is_in_stock() -> None:
    assert compare([LOST], UNREADABLE, LATER, None).known_until(None, LATER) == LATER
    assert compare([SOLD_OUT], observed(), LATER, None).known_until(None, LATER) is None


def test_an_incomplete_answer_closes_no_offer_but_counts_where_it_can_be_read() -> None:
    other = replace(TRACKED, id=some_id())
    changes = compare([TRACKED, other], replace(observed(Offer(ID, 90, 5)), complete=False), AT, KNOWN_UNTIL)
    assert changes.changed == [
        replace(TRACKED, price=90, changed_at=AT),
        replace(other, known_until=KNOWN_UNTIL),
    ]
    assert changes.in_stock == 2


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
