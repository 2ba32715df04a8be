"""The catalogue as it was: the facts that history holds of a past time, beside today's texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from application.catalogue.listing import PagePosition, ProductFilter, ProductOrder, SortKey
from application.catalogue.views import RegistrationView
from application.clock import Clock
from domain.errors import BeyondRetention, InvalidFilter, InvalidWindow, ProductNotFound

if TYPE_CHECKING:
    # So that the catalogue does not import the room of prices.
    from application.prices.readers import RetentionReader

_OF_TODAY = frozenset({SortKey.CHANGE_1D, SortKey.CHANGE_7D})


@dataclass(frozen=True, slots=True)
class BestOfferAsOfView:
    """The cheapest offer in stock at a past time. How many items it had is not recorded."""

    id: UUID
    price: int
    items_in_stock: None = None


@dataclass(frozen=True, slots=True)
class OfferAsOfView:
    """One offer at a past time; `changed_at` dates its price of then, or its selling out.

    `items_in_stock` is 0 once it is sold out, and null otherwise, because that is not recorded. `first_seen_at` and
    `changed_at` are null if they are no longer recorded.
    """

    id: UUID
    price: int
    items_in_stock: int | None
    first_seen_at: datetime | None
    changed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductAsOfView:
    """A product with the facts of the past time `as_of`; name, description, revision and registration are today's.

    `offers_in_stock` is null, and there is no offer, if the stock of that time is unknown. `observed_at` is the
    latest observation by then of which the time is recorded: the product's last one, or one that changed a price on the
    same day (UTC); null if none is.
    """

    id: UUID
    name: str
    description: str
    created_at: datetime
    updated_at: datetime
    revision: int
    registration: RegistrationView
    best_offer: BestOfferAsOfView | None
    offers_in_stock: int | None
    observed_at: datetime | None
    stale: bool
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedProductAsOfView(ProductAsOfView):
    """A product in a list of a past time; `change` is always null."""

    change: None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductDetailAsOfView(ProductAsOfView):
    """A product with its offers at a past time, cheapest first."""

    offers: list[OfferAsOfView]


@dataclass(frozen=True, slots=True)
class OffersAsOfView:
    """The offers of one product at the past time `as_of`, cheapest first."""

    items: list[OfferAsOfView]
    observed_at: datetime | None
    stale: bool
    as_of: datetime


@dataclass(frozen=True, slots=True)
class ProductAsOf:
    """A product at a past time, and the time of its last observation, None if it was never observed.

    It is `final` once a later observation is recorded: observations are recorded in their order, so no earlier one can
    follow.
    """

    view: ProductDetailAsOfView
    last_observed_at: datetime | None

    @property
    def final(self) -> bool:
        """Whether nothing can be recorded any more that changes the facts."""
        return self.last_observed_at is not None and self.last_observed_at > self.view.as_of


@dataclass(frozen=True, slots=True)
class SliceAsOf:
    """Products at a past time in their order, and the position behind which there may be more.

    There may be more behind a slice that is not full: a bounded number of products is looked at for each. `oldest` is
    the time of their oldest last observation, None if one was never observed.
    """

    items: Sequence[ListedProductAsOfView]
    next: PagePosition | None
    oldest: datetime | None
    final: bool
    """Whether no fact of that time can change any more, of any product."""


class CatalogueAsOfReader(Protocol):
    """Reads of a time for which the offers' prices are kept; one statement each.

    A product is absent before it was created, and once it is withdrawn.

    Raises:
        StorageUnavailable
    """

    async def product(self, product_id: UUID, at: datetime, *, sold_out_too: bool = False) -> ProductAsOf | None:
        """Return a product with its offers in stock, and on demand those that sold out in the day before."""

    async def products(
        self, at: datetime, limit: int, order: ProductOrder, after: PagePosition | None, wanted: ProductFilter
    ) -> SliceAsOf | None:
        """Return up to `limit` of the products that pass the filter then, in this order, beginning behind `after`.

        None if too many products would have to be sorted by their prices.
        """


@dataclass(frozen=True, slots=True)
class ReadCatalogueAsOf:
    """Read products as they were at a time for which the offers' prices are kept."""

    reader: CatalogueAsOfReader
    clock: Clock
    retention: "RetentionReader"

    async def product(self, product_id: UUID, at: datetime, *, sold_out_too: bool = False) -> ProductAsOf:
        """Return a product with its offers.

        Raises:
            InvalidWindow: the time is in the future.
            BeyondRetention
            ProductNotFound: there is no such product, or it was created later.
        """
        await self._require_kept(at)
        found = await self.reader.product(product_id, at, sold_out_too=sold_out_too)
        if found is None:
            raise ProductNotFound(product_id)
        return found

    async def products(
        self, at: datetime, limit: int, order: ProductOrder, after: PagePosition | None, wanted: ProductFilter
    ) -> SliceAsOf:
        """Return a page of products.

        Raises:
            InvalidWindow: the time is in the future.
            InvalidFilter: the order or a filter is not of recorded facts, or there are too many products for the order.
            BeyondRetention
        """
        if wanted.attention:
            raise InvalidFilter("attention", "This is known of the present only; leave out `at`.")
        if order.key in _OF_TODAY:
            raise InvalidFilter("sort", "Changes are known of the present only; leave out `at`.")
        await self._require_kept(at)
        found = await self.reader.products(at, limit, order, after, wanted)
        if found is None:
            raise InvalidFilter("sort", "There are too many products to sort by a past price; take another order.")
        return found

    async def _require_kept(self, at: datetime) -> None:
        now = self.clock()
        if at > now:
            raise InvalidWindow("at", "The time must not be in the future.")
        since = (await self.retention()).offers_since(now)
        if at < since:
            raise BeyondRetention(f"Offers are kept since {since:%Y-%m-%dT%H:%M:%SZ}; take that time or a later one.")
