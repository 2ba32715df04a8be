"""The answers about the catalogue: one shape for the ports, the fakes, the HTTP answers and OpenAPI."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar
from uuid import UUID

from application.catalogue.listing import ChangePeriod
from domain.product import Product, RegistrationState

View = TypeVar("View")


@dataclass(frozen=True, slots=True)
class Version:
    """The version of an answer about a product: its revision, its last observation, and whether that is stale."""

    revision: int
    observed_at: datetime | None
    stale: bool


@dataclass(frozen=True, slots=True)
class Encoded(Generic[View]):
    """A view as JSON in UTF-8, encoded by the storage, and the version of the product that it shows."""

    json: bytes
    version: Version


@dataclass(frozen=True, slots=True)
class RegistrationView:
    """The state of the registration with the Offers service; `detail` gives the reason of `rejected` and `conflict`."""

    state: RegistrationState
    since: datetime
    detail: str | None


@dataclass(frozen=True, slots=True)
class BestOfferView:
    """The cheapest offer in stock; the price is an integer in the Offers service's own unit."""

    id: UUID
    price: int
    items_in_stock: int


@dataclass(frozen=True, slots=True)
class OfferView:
    """One offer; `changed_at` dates its current price, or its selling out."""

    id: UUID
    price: int
    items_in_stock: int
    first_seen_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductView:
    """A product; `revision` counts edits and registration changes, never observations."""

    id: UUID
    name: str
    description: str
    created_at: datetime
    updated_at: datetime
    revision: int
    registration: RegistrationView
    best_offer: BestOfferView | None
    offers_in_stock: int
    observed_at: datetime | None
    stale: bool


@dataclass(frozen=True, slots=True)
class ListedChangeView:
    """How the best price changed over the period that ended at `as_of`, negative is cheaper.

    The percentage is null if the price was 0 before.
    """

    period: ChangePeriod
    change: int
    change_percent: Decimal | None
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedProductView(ProductView):
    """A product in a list; `change` is null unless the list is sorted by it or names its period.

    It is null, too, if the product had no price at one of the period's ends.
    """

    change: ListedChangeView | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductDetailView(ProductView):
    """A product with its offers, cheapest first."""

    offers: list[OfferView]


@dataclass(frozen=True, slots=True)
class OffersView:
    """The offers of one product, cheapest first, from one observation."""

    items: list[OfferView]
    observed_at: datetime | None
    stale: bool


@dataclass(frozen=True, slots=True)
class SynchronisationView:
    """The attempts to register and observe one product; a `next_attempt_at` in the past means now.

    `refused_rows` counts the rows of the last observation that could not be read. They prove nothing about their
    offers, which are trusted for three refresh intervals and unknown after that.
    """

    last_attempt_at: datetime | None
    last_success_at: datetime | None
    next_attempt_at: datetime | None
    consecutive_failures: int
    last_error: str | None
    refused_rows: int


@dataclass(frozen=True, slots=True)
class TakenProduct:
    """A product that was not added, because others have these fields of it already: its id, its name or both."""

    fields: tuple[str, ...]


CreationOutcome = ProductView | TakenProduct
"""The outcome for a product that was to be added."""


def view_of_new(product: Product) -> ProductView:
    """Show a product that was just created and never observed."""
    registration = product.registration
    return ProductView(
        id=product.id,
        name=product.name,
        description=product.description,
        created_at=product.created_at,
        updated_at=product.updated_at,
        revision=product.revision,
        registration=RegistrationView(registration.state, registration.since, registration.detail),
        best_offer=None,
        offers_in_stock=0,
        observed_at=None,
        stale=False,
    )
