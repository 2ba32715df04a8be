"""The synchronisation of one product with upstream: its schedule, its last attempts and their results."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from domain.event import Event, LastKnown, price_changed
from domain.offer import ObservedOffers, Offer, OfferInterval, TrackedOffer, Trust, compare, value
from domain.prices.price import KNOWN_FOR_INTERVALS, BestPrice, PriceState, PriceStep, next_best_price, price_state

AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)
"""The slot of a product that was never observed: the oldest of all, so it is the first to be claimed."""


class CarriedPrice(NamedTuple):
    """A best price that was in force since an observation, and known until then; that may be the same time."""

    price: int | None
    since: datetime
    until: datetime


class ShownPrice(NamedTuple):
    """The best price that an observation shows, if it is `known`, and the one that was in force up to it.

    `since` is when it came into force, `at` the time of the observation in the recorded history.
    """

    price: int | None
    since: datetime
    at: datetime
    known: bool
    carried: CarriedPrice | None

    @property
    def stretches(self) -> list[PriceStep]:
        """The prices since the observation before, as far as known; the last one is the moment of this observation."""
        found: list[PriceStep] = []
        if self.carried is not None:
            price, since, until = self.carried
            until = max(since, until)
            if since < until:
                found.append(PriceStep(price_state(price), price, since, until))
            if until < self.at:
                found.append(PriceStep(PriceState.UNKNOWN, None, until, self.at))
        state, price = (price_state(self.price), self.price) if self.known else (PriceState.UNKNOWN, None)
        return [*found, PriceStep(state, price, self.at, self.at)]


@value
class Observation:
    """One successful poll of one product, with the rows to store for it."""

    product_id: UUID
    changed: list[TrackedOffer]
    ended: list[OfferInterval]
    steps: list[PriceStep]
    event: Event | None = None
    """The change of the best price or of the stock state, if there is one."""
    shown: ShownPrice | None = None

    @property
    def lost(self) -> int:
        """How many offers became unknown with it, as no observation had confirmed them for long."""
        return sum(offer.unknown for offer in self.changed)


@dataclass(slots=True)
class Synchronisation:
    """The state that every attempt moves, kept apart from the product so that polling never touches the product.

    `scheduled_at` is the slot of the last claim, None while the product is not registered. Nothing is attempted
    before `not_before`; it is None when a terminal registration leaves nothing to attempt. `refused_rows` counts the
    malformed rows of the last observation.
    `last_known` is the last best price that was known for sure, set only while the last observation shows none for
    sure.
    """

    product_id: UUID
    not_before: datetime | None
    scheduled_at: datetime | None = None
    last_attempt_at: datetime | None = None
    last_success_at: datetime | None = None
    consecutive_failures: int = 0
    last_error: str | None = None
    observed_at: datetime | None = None
    known_until: datetime | None = None
    best: BestPrice | None = None
    best_offer: Offer | None = None
    offers_in_stock: int = 0
    refused_rows: int = 0
    last_known: LastKnown | None = None

    def next_attempt_at(self, interval: timedelta) -> datetime | None:
        """When the next attempt is due, None when there will be none; a time that has passed means now."""
        if self.scheduled_at is None or self.not_before is None:
            return self.not_before
        return max(self.scheduled_at + interval, self.not_before)

    def observe(
        self, before: Collection[TrackedOffer], observed: ObservedOffers, at: datetime, interval: timedelta
    ) -> Observation:
        """Take in a successful answer. It is newer than the stored one, even if the clock was set back since then.

        Recorded history does not go back: it continues at its latest time. An offer that no
        observation has confirmed for three intervals is unknown. So the answer is trusted no longer than the best
        offer, and not at all if only unknown offers or refused rows could be in stock.
        """
        dated, known_until = at, self.known_until
        if self.best is not None and self.observed_at is not None and known_until is not None:
            known_until = max(known_until, self.best.since)
            # Every recorded step and interval has ended by then.
            recorded_until = max([self.best.since, *(offer.changed_at for offer in before)])
            if at < recorded_until:
                dated = max(recorded_until, self.observed_at)
        offers = compare(before, observed, dated, known_until, Trust(at, self.observed_at or at, interval))
        last_known = self._last_known(known_until, dated)
        carried = None
        if self.best is not None and self.observed_at is not None and known_until is not None:
            since = max(self.observed_at, self.best.since)
            carried = CarriedPrice(self.best.price, since, min(known_until, dated))
        best = offers.best
        price = None if best is None else best.price
        trusted_until = at + KNOWN_FOR_INTERVALS * interval
        if best is None and observed.refused:
            trusted_until = at
        trusted_until = min(trusted_until, offers.known_until(best, at) or trusted_until)
        known = trusted_until > at
        self.best, steps = next_best_price(self.best, known_until, price, dated, known=known, set_back=dated != at)
        self.known_until = trusted_until if known else min(at, self.best.since)
        self.best_offer = None if best is None else Offer(best.id, best.price, best.items_in_stock)
        self.offers_in_stock = offers.in_stock
        self.observed_at = at
        self.refused_rows = observed.refused
        self.last_known = None if known else last_known
        event = None
        if known and (last_known is None or last_known.price != price):
            unknown_since = last_known.until if last_known and last_known.until < dated else None
            event = price_changed(
                self.product_id, last_known, self.best, None if best is None else best.id, unknown_since
            )
        if self.not_before is not None:
            self.not_before = min(self.not_before, at)
        self.last_attempt_at = self.last_success_at = at
        self.consecutive_failures = 0
        self.last_error = None
        shown = ShownPrice(price, self.best.since, dated, self.known_until > dated, carried)
        return Observation(self.product_id, offers.changed, offers.ended, steps, event, shown)

    def _last_known(self, known_until: datetime | None, at: datetime) -> LastKnown | None:
        if self.last_known is not None or self.best is None or known_until is None:
            return self.last_known
        if self.observed_at is not None and self.known_until is not None and self.known_until <= self.observed_at:
            # The last observation showed nothing for sure, and neither did any before it.
            return None
        return LastKnown(self.best.price, self.best.since, min(known_until, at))

    def fail(self, error: str, at: datetime, not_before: datetime) -> None:
        """Note a failed attempt; the next one is due no earlier than `not_before`. The last observation stays."""
        self.last_attempt_at = at
        self.consecutive_failures += 1
        self.last_error = error
        self.not_before = not_before

    def move_slot(self, interval: timedelta) -> None:
        """Move the slot to where `not_before` makes it due, so that searches for due slots do not meet it earlier."""
        if self.scheduled_at is not None and self.not_before is not None:
            self.scheduled_at = max(self.scheduled_at, self.not_before - interval)

    def bring_forward(self, by: timedelta) -> None:
        """Make the next slot due that much earlier."""
        if self.scheduled_at is not None:
            self.scheduled_at -= by

    def await_registration(self, at: datetime) -> None:
        """Attempt the registration from `at` on; no observation until it succeeds."""
        self.scheduled_at = None
        self.not_before = at

    def start_observing(self, at: datetime) -> None:
        """Make the first observation due at once, as the registration succeeded.

        Failures count on until that observation: an upstream that registers a product and then does not know it
        must not be asked ever faster.
        """
        self.scheduled_at = AT_ONCE
        self.not_before = at
        self.last_attempt_at = self.last_success_at = at

    def give_up(self, error: str, at: datetime) -> None:
        """The registration ended badly: nothing more is attempted until an admin retries."""
        self.fail(error, at, at)
        self.scheduled_at = None
        self.not_before = None
