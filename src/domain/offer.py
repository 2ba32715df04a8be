"""An offer, and what comparing two observations of a product's offers says has changed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.price import days


@dataclass(frozen=True, slots=True)
class Offer:
    """One offer as an observation shows it; the price is an integer in the Offers service's own unit."""

    id: UUID
    price: int
    items_in_stock: int


@dataclass(frozen=True, slots=True)
class ObservedOffers:
    """A successful answer about one product.

    Rows of the answer that could not be read prove nothing: an offer in `unreadable` stays as it was, and an answer
    that is not `complete` (a refused row did not even show its id) closes no offer. `refused` counts those rows.
    """

    offers: Mapping[UUID, Offer]
    unreadable: frozenset[UUID] = frozenset()
    complete: bool = True
    refused: int = 0


@dataclass(frozen=True, slots=True)
class TrackedOffer:
    """An offer as it is kept: `changed_at` dates its price (or its selling out), `sold_out_at` is None in stock."""

    id: UUID
    price: int
    items_in_stock: int
    first_seen_at: datetime
    changed_at: datetime
    sold_out_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OfferInterval:
    """An ended stretch `[valid_from, valid_to)`, within one UTC day, of an offer in stock at one price."""

    offer_id: UUID
    price: int
    valid_from: datetime
    valid_to: datetime


@dataclass(frozen=True, slots=True)
class OfferChanges:
    """What an observation changes: the offers to store anew, the intervals that ended, and all offers after it."""

    changed: list[TrackedOffer] = field(default_factory=list)
    ended: list[OfferInterval] = field(default_factory=list)
    current: list[TrackedOffer] = field(default_factory=list)

    @property
    def best(self) -> TrackedOffer | None:
        """The cheapest offer in stock; among equals the one with the smallest id, so that it does not flicker."""
        in_stock = (offer for offer in self.current if offer.sold_out_at is None)
        return min(in_stock, key=lambda offer: (offer.price, offer.id), default=None)

    @property
    def in_stock(self) -> int:
        """How many offers are in stock."""
        return sum(offer.sold_out_at is None for offer in self.current)


def compare(
    before: Iterable[TrackedOffer], observed: ObservedOffers, at: datetime, known_until: datetime | None
) -> OfferChanges:
    """Compare the stored offers of a product with an answer that came in at `at`.

    An interval ends when the price changes or the offer sells out, but never later than `known_until`: prices do not
    carry forward through a gap. An unchanged offer stays open across a gap; the product's unknown step masks it.
    """
    end = at if known_until is None else min(at, known_until)
    changes = OfferChanges()
    unseen = dict(observed.offers)
    for offer in before:
        seen = unseen.pop(offer.id, None)
        if seen is None and (offer.id in observed.unreadable or not observed.complete):
            after = offer
        else:
            after = _after(offer, seen, at)
        changes.current.append(after)
        if after is offer:
            continue
        changes.changed.append(after)
        if offer.sold_out_at is None and after.changed_at != offer.changed_at:
            changes.ended.extend(OfferInterval(offer.id, offer.price, *day) for day in days(offer.changed_at, end))
    for seen in unseen.values():
        sold_out_at = None if seen.items_in_stock else at
        new = TrackedOffer(seen.id, seen.price, seen.items_in_stock, at, at, sold_out_at)
        changes.current.append(new)
        changes.changed.append(new)
    return changes


def _after(offer: TrackedOffer, seen: Offer | None, at: datetime) -> TrackedOffer:
    if seen is None or seen.items_in_stock == 0:
        if offer.sold_out_at is not None:
            return offer
        return TrackedOffer(offer.id, offer.price, 0, offer.first_seen_at, at, at)
    if offer.sold_out_at is not None or offer.price != seen.price:
        return TrackedOffer(offer.id, seen.price, seen.items_in_stock, offer.first_seen_at, at)
    if offer.items_in_stock == seen.items_in_stock:
        return offer
    return TrackedOffer(offer.id, offer.price, seen.items_in_stock, offer.first_seen_at, offer.changed_at)
