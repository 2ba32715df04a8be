"""Events: what happened to products, as consumers of the event log learn it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.prices.price import BestPrice, price_state
from domain.product import Product, RegistrationState


class EventType(StrEnum):
    """The kinds of events."""

    PRODUCT_CREATED = "product.created"
    PRODUCT_AMENDED = "product.amended"
    PRODUCT_WITHDRAWN = "product.withdrawn"
    PRODUCT_REGISTERED = "product.registered"
    PRODUCT_REJECTED = "product.rejected"
    PRODUCT_CONFLICT = "product.conflict"
    PRICE_CHANGED = "price.changed"
    ALERT_FIRING = "alert.firing"
    ALERT_RESOLVED = "alert.resolved"
    WEBHOOK_DISABLED = "webhook.disabled"

    @property
    def source(self) -> str:
        """The context in which such an event happens, a path of the API."""
        return _SOURCES.get(self, "/products")


_SOURCES = {
    EventType.ALERT_FIRING: "/alerts",
    EventType.ALERT_RESOLVED: "/alerts",
    EventType.WEBHOOK_DISABLED: "/webhooks",
}
ALERT_EVENTS = frozenset({EventType.ALERT_FIRING, EventType.ALERT_RESOLVED})
PUBLIC_EVENTS = frozenset(EventType) - ALERT_EVENTS - {EventType.WEBHOOK_DISABLED}
"""Events that are as public as the reads that show the same facts."""

_SETTLED = {
    RegistrationState.REGISTERED: EventType.PRODUCT_REGISTERED,
    RegistrationState.REJECTED: EventType.PRODUCT_REJECTED,
    RegistrationState.CONFLICT: EventType.PRODUCT_CONFLICT,
}


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to its subject, a product, if it has one.

    The values of `data` are of types that JSON has, or times, ids and enumerations.
    """

    type: EventType
    subject: UUID | None
    time: datetime
    data: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class LastKnown:
    """The last best price that was known for sure, and when the knowledge of it ended."""

    price: int | None
    since: datetime
    until: datetime


def product_created(product: Product) -> Event:
    """An admin or a key has added the product."""
    return Event(EventType.PRODUCT_CREATED, product.id, product.created_at, _texts(product))


def product_amended(product: Product) -> Event:
    """An admin or a key has changed the product's texts."""
    return Event(EventType.PRODUCT_AMENDED, product.id, product.updated_at, _texts(product))


def product_withdrawn(product: Product, at: datetime) -> Event:
    """An admin or a key has withdrawn the product."""
    return Event(EventType.PRODUCT_WITHDRAWN, product.id, at, {"name": product.name})


def registration_settled(product: Product) -> Event:
    """The Offers service has accepted or refused the product, whose registration is no longer pending."""
    registration = product.registration
    return Event(_SETTLED[registration.state], product.id, registration.since, {"detail": registration.detail})


def price_changed(
    product_id: UUID,
    previous: LastKnown | None,
    current: BestPrice,
    offer_id: UUID | None,
    unknown_since: datetime | None,
) -> Event:
    """An observation has shown another best price or another stock state than the last known one, if there is one."""
    data = {
        "previous": previous and _step(previous.price, previous.since),
        "current": {**_step(current.price, current.since), "offer_id": offer_id},
        "unknown_since": unknown_since,
    }
    return Event(EventType.PRICE_CHANGED, product_id, current.since, data)


def webhook_disabled(webhook_id: UUID, url: str, reason: str, at: datetime) -> Event:
    """The webhook was given up, because its receiver asked for that or only failed."""
    return Event(EventType.WEBHOOK_DISABLED, None, at, {"webhook": {"id": webhook_id, "url": url}, "reason": reason})


def _texts(product: Product) -> Mapping[str, object]:
    return {"name": product.name, "description": product.description, "revision": product.revision}


def _step(price: int | None, since: datetime) -> Mapping[str, object]:
    return {"price": price, "state": price_state(price), "since": since}
