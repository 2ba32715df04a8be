"""What reads return: one shape for the ports, the fakes, the HTTP answers and their OpenAPI description."""

from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from domain.price import PriceState
from domain.price_change import Direction, Reason
from domain.price_history import Extreme
from domain.price_statistics import Verdict
from domain.product import Product, RegistrationState
from domain.window import Window


@dataclass(frozen=True, slots=True)
class RegistrationView:
    """Where the product stands with the Offers service; `detail` says why for `rejected` and `conflict`."""

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
    """A product as lists show it; `revision` counts edits and registration changes, never observations."""

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
    """How the attempts to register and observe one product go; `next_attempt_at` in the past means now."""

    last_attempt_at: datetime | None
    last_success_at: datetime | None
    next_attempt_at: datetime | None
    consecutive_failures: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class PricePointView:
    """What is in force from `at` on, until the next point; the price is null unless the state is `in_stock`."""

    at: datetime
    price: int | None
    state: PriceState


@dataclass(frozen=True, slots=True)
class PriceBucketView:
    """A stretch of time that begins at `at`; `open` and `close` are in force at its begin and at its end.

    Prices are null where there was none. The average is weighted by time, `in_stock_share` is of the known time, and
    `coverage` is the known share of the stretch.
    """

    at: datetime
    open: int | None
    close: int | None
    min: int | None
    max: int | None
    average: float | None
    in_stock_share: float | None
    coverage: float | None


@dataclass(frozen=True, slots=True)
class StepSeriesView:
    """The best price (`offer_id` is null) or one offer's price, change by change."""

    offer_id: UUID | None
    points: list[PricePointView]


@dataclass(frozen=True, slots=True)
class BucketSeriesView:
    """The best price (`offer_id` is null) or one offer's price, summed up; of an offer where it was in stock."""

    offer_id: UUID | None
    points: list[PriceBucketView]


@dataclass(frozen=True, slots=True)
class PriceHistoryView:
    """Prices over a window, as steps if the interval is `raw`; without series, `reason` says why."""

    window: Window
    interval: str
    series: list[StepSeriesView] | list[BucketSeriesView] | None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class PriceAtView:
    """The best price in force at a time, null if there was none or it is unknown."""

    at: datetime
    price: int | None


@dataclass(frozen=True, slots=True)
class PriceChangeView:
    """How the price in force changed; negative is cheaper. `reason` says why something is null."""

    before: PriceAtView
    after: PriceAtView
    change: int | None
    change_percent: float | None
    direction: Direction | None
    reason: Reason | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceStatisticsView:
    """The best price over a window, weighted by the time in stock; `current` is in force at the window's end.

    `percentile` is the share of that time at higher prices than the current one. `reason` says why median, quartiles,
    percentile and verdict are all null.
    """

    window: Window
    current: int | None
    average: float | None
    median: int | None
    p25: int | None
    p75: int | None
    min: Extreme | None
    max: Extreme | None
    percentile: float | None
    out_of_stock_share: float | None
    coverage: float | None
    verdict: Verdict | None
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class OfferHistoryView:
    """One offer's life, and its price over the window; what is no longer known is null."""

    id: UUID
    price: int
    items_in_stock: int
    first_seen_at: datetime | None
    changed_at: datetime
    sold_out_at: datetime | None
    window: Window
    points: list[PricePointView]


def view_of_new(product: Product) -> ProductView:
    """Show a product that was just created, so that nothing was observed of it yet."""
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


def without_offers(product: ProductDetailView) -> ProductView:
    """Show a product as lists do."""
    return ProductView(**{field.name: getattr(product, field.name) for field in fields(ProductView)})
