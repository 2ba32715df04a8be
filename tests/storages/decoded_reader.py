"""The catalogue reader with its JSON strictly decoded: exactly the fields of the views."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec

from application.catalogue.catalogue_reader import CatalogueReader
from application.catalogue.listing import (
    EVERYTHING,
    NEWEST_FIRST,
    ChangePeriod,
    PagePosition,
    ProductFilter,
    ProductOrder,
)
from application.catalogue.views import (
    ListedProductView,
    OffersView,
    ProductDetailView,
    ProductView,
    SynchronisationView,
    Version,
)

NUMBERS = msgspec.json.Encoder(decimal_format="number")
NO_FRACTION = re.compile(rb"\.000000Z\"")


def decode(json: bytes, view: Any) -> Any:
    """Return the view, none of whose fields is missing or spare in the JSON."""
    decoded = msgspec.json.decode(json, type=view)
    assert msgspec.json.decode(NO_FRACTION.sub(b'Z"', json)) == msgspec.json.decode(NUMBERS.encode(decoded))
    return decoded


@dataclass(frozen=True)
class ProductViews:
    """A page of products, decoded."""

    items: list[ListedProductView]
    next: PagePosition | None


@dataclass(frozen=True)
class DecodedCatalogue:
    """What another reader reads."""

    reader: CatalogueReader

    async def product(self, product_id: UUID, *, sold_out_too: bool = False) -> ProductDetailView:
        """Return the product with its offers, which agrees with the other reads of it."""
        shown = await self.reader.detail(product_id, sold_out_too=sold_out_too)
        view: ProductDetailView = decode(shown.json, ProductDetailView)
        assert shown.version == Version(view.revision, view.observed_at, view.stale)
        assert shown.version == await self.reader.version(product_id)
        return view

    async def offers(self, product_id: UUID, *, sold_out_too: bool = False) -> OffersView:
        shown = await self.reader.offers(product_id, sold_out_too=sold_out_too)
        view: OffersView = decode(shown.json, OffersView)
        assert (shown.version.observed_at, shown.version.stale) == (view.observed_at, view.stale)
        return view

    async def products(
        self,
        limit: int,
        order: ProductOrder = NEWEST_FIRST,
        after: PagePosition | None = None,
        wanted: ProductFilter = EVERYTHING,
        change: ChangePeriod | None = None,
    ) -> ProductViews:
        page = await self.reader.products(limit, order, after, wanted, change)
        items: list[ListedProductView] = decode(page.json, list[ListedProductView])
        observed = [each.observed_at for each in items if each.observed_at]
        assert page.oldest == (min(observed) if observed and len(observed) == len(items) else None)
        return ProductViews(items, page.next)

    async def synchronisation(self, product_id: UUID) -> SynchronisationView:
        return await self.reader.synchronisation(product_id)

    async def synchronisations(self, product_ids: Sequence[UUID]) -> Mapping[UUID, SynchronisationView]:
        return await self.reader.synchronisations(product_ids)


def view_without_offers(detail: ProductDetailView) -> ProductView:
    return ProductView(**{name: getattr(detail, name) for name in ProductView.__slots__})
