"""An offer, and the comparison of a product's stored offers with a new observation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar, dataclass_transform
from uuid import UUID

from domain.prices.price import KNOWN_FOR_INTERVALS, days

Class = TypeVar("Class")


@dataclass_transform(frozen_default=True)
def value(cls: type[Class]) -> type[Class]:
    """Make a dataclass with slots that nobody changes: type checkers see to that, as for a frozen one.

    A frozen dataclass sees to it at run time too, and takes up to five times as long to make; an observation makes
    dozens.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)


@value
class Offer:
    """One offer as an observation shows it; the price is an integer in the Offers service's own unit."""

    id: UUID
    price: int
    items_in_stock: int


@value
class ObservedOffers:
    """A successful answer about one product.

    Rows of the answer that could not be read prove nothing: an offer in `unreadable` is neither confirmed nor closed,
    and an answer that is not `complete` (a refused row did not even show its id) closes no offer. `refused` counts
    those rows.
    """

    offers: Mapping[UUID, Offer]
    unreadable: frozenset[UUID] = frozenset()
    complete: bool = True
    refused: int = 0


@value
class TrackedOffer:
    """An offer as it is kept: `changed_at` dates its price (or its selling out), `sold_out_at` is None in stock.

    `known_until` is set while observations do not confirm the offer: it is trusted until then. From then on it is
    `unknown` and no longer in stock; `changed_at` and `sold_out_at` then say since when.
    """

    id: UUID
    price: int
    items_in_stock: int
    first_seen_at: datetime
    changed_at: datetime
    sold_out_at: datetime | None = None
    known_until: datetime | None = None

    @property
    def unknown(self) -> bool:
        """Whether too many observations in a row have neither shown the offer nor its absence."""
        return self.sold_out_at is not None and self.known_until is not None


@value
class OfferInterval:
    """An ended stretch `[valid_from, valid_to)`, within one UTC day, of an offer in stock at one price.

    Without a price the offer was unknown, although its product was observed.
    """

    offer_id: UUID
    price: int | None
    valid_from: datetime
    valid_to: datetime


@value
class OfferChanges:
    """The changes of an observation: the offers to store anew, the intervals that ended, and all offers after it."""

    changed: list[TrackedOffer] = field(default_factory=list)
    ended: list[OfferInterval] = field(default_factory=list)
    current: list[TrackedOffer] = field(default_factory=list)

    @property
    def best(self) -> TrackedOffer | None:
        """The cheapest offer in stock; among equals a confirmed one, then the one with the smallest id."""
        in_stock = (offer for offer in self.current if offer.sold_out_at is None)
        return min(in_stock, key=lambda offer: (offer.price, offer.known_until is not None, offer.id), default=None)

    def known_until(self, best: TrackedOffer | None, at: datetime) -> datetime | None:
        """Return when the knowledge of the best offer of an observation made `at` ends; None if it is confirmed."""
        if best is None:
            return at if any(offer.unknown for offer in self.current) else None
        return best.known_until

    @property
    def in_stock(self) -> int:
        """How many offers are in stock."""
        return sum(offer.sold_out_at is None for offer in self.current)


@value
class Trust:
    """How long an unconfirmed offer is trusted: three intervals from the last answer that confirmed it.

    The answer came in at `at`, the one before it at `before`. Answers come about an interval apart, so the answer
    nearest to the end of the trust decides.
    """

    at: datetime
    before: datetime
    interval: timedelta

    def of(self, offer: TrackedOffer) -> datetime:
        """Return until when the offer is trusted: in no case longer than if it were confirmed now."""
        kept = KNOWN_FOR_INTERVALS * self.interval
        return min(offer.known_until or self.before + kept, self.at + kept)

    def has_ended(self, until: datetime, *, confirmed: bool) -> bool:
        """Return whether the trust ended before this answer, or ends with it if it does not confirm the offer."""
        return until <= (self.at if confirmed else self.at + self.interval / 2)


def compare(
    before: Iterable[TrackedOffer], observed: ObservedOffers, at: datetime, known_until: datetime | None, trust: Trust
) -> OfferChanges:
    """Compare the stored offers of a product with an answer that came in at `at`.

    An interval ends when the price changes or the offer sells out, but never later than `known_until`: prices do not
    carry forward through a gap. An unchanged offer stays open across a gap; the product's unknown step masks it.

    An offer that the answer does not confirm is trusted for a while, and then unknown. Times are recorded as of `at`,
    which is ahead of the trust's own after a clock was set back.
    """
    end = at if known_until is None else min(at, known_until)
    changes = OfferChanges()
    unseen = dict(observed.offers)
    for stored in before:
        seen = unseen.pop(stored.id, None)
        confirmed = seen is not None or (observed.complete and stored.id not in observed.unreadable)
        offer = stored
        if stored.sold_out_at is None and not (confirmed and stored.known_until is None):
            until = trust.of(stored)
            if trust.has_ended(until, confirmed=confirmed):
                offer = _lost(stored, max(min(stored.known_until or end, end), stored.changed_at))
                changes.ended.extend(_intervals(stored, offer.changed_at))
            elif not confirmed and stored.known_until != until:
                offer = replace(stored, known_until=until)
        after = _after(offer, seen, at) if confirmed else offer
        changes.current.append(after)
        if after is stored:
            continue
        changes.changed.append(after)
        if after.changed_at != offer.changed_at:
            changes.ended.extend(_intervals(offer, at if offer.unknown else end))
    for seen in unseen.values():
        sold_out_at = None if seen.items_in_stock else at
        new = TrackedOffer(seen.id, seen.price, seen.items_in_stock, at, at, sold_out_at)
        changes.current.append(new)
        changes.changed.append(new)
    return changes


def _lost(offer: TrackedOffer, at: datetime) -> TrackedOffer:
    return replace(offer, items_in_stock=0, changed_at=at, sold_out_at=at, known_until=at)


def _intervals(offer: TrackedOffer, end: datetime) -> list[OfferInterval]:
    if offer.sold_out_at is None:
        price: int | None = offer.price
    elif offer.unknown:
        price = None
    else:
        return []
    return [OfferInterval(offer.id, price, begin, until) for begin, until in days(offer.changed_at, end)]


def _after(offer: TrackedOffer, seen: Offer | None, at: datetime) -> TrackedOffer:
    if seen is None or seen.items_in_stock == 0:
        if offer.sold_out_at is not None and not offer.unknown:
            return offer
        return TrackedOffer(offer.id, offer.price, 0, offer.first_seen_at, at, at)
    if offer.sold_out_at is not None or offer.price != seen.price:
        return TrackedOffer(offer.id, seen.price, seen.items_in_stock, offer.first_seen_at, at)
    if offer.items_in_stock == seen.items_in_stock and offer.known_until is None:
        return offer
    return TrackedOffer(offer.id, offer.price, seen.items_in_stock, offer.first_seen_at, offer.changed_at)
