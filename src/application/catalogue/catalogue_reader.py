"""The port through which everybody reads the catalogue."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from application.catalogue.listing import (
    EVERYTHING,
    NEWEST_FIRST,
    ChangePeriod,
    PagePosition,
    ProductFilter,
    ProductOrder,
    ProductSlice,
)
from application.catalogue.views import Encoded, OffersView, ProductDetailView, SynchronisationView, Version


class CatalogueReader(Protocol):
    """Reads outside any unit of work. Each answer is from one consistent statement, and none sees a withdrawn product.

    Raises:
        ProductNotFound: in every read of one product.
        StorageUnavailable: in every read.
    """

    async def version(self, product_id: UUID) -> Version:
        """Return the version of the product; while it is the same, the other reads of it return the same."""

    async def detail(self, product_id: UUID, *, sold_out_too: bool = False) -> Encoded[ProductDetailView]:
        """Return the product with its offers in stock, cheapest first, and on demand those sold out in the last day."""

    async def offers(self, product_id: UUID, *, sold_out_too: bool = False) -> Encoded[OffersView]:
        """Return the offers as `detail` does."""

    async def products(
        self,
        limit: int,
        order: ProductOrder = NEWEST_FIRST,
        after: PagePosition | None = None,
        wanted: ProductFilter = EVERYTHING,
        change: ChangePeriod | None = None,
    ) -> ProductSlice:
        """Return up to `limit` of the wanted products in this order, beginning behind `after`.

        They carry the change of their best price over `change`, if it is given.
        """

    async def synchronisation(self, product_id: UUID) -> SynchronisationView:
        """Return the state of the product's registration and observation attempts."""

    async def synchronisations(self, product_ids: Sequence[UUID]) -> Mapping[UUID, SynchronisationView]:
        """Return the same of several products; those that are not there are left out."""
