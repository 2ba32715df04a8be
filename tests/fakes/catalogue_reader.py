"""Reads of the catalogue kept in memory; they see what is committed and wait for nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from application.catalogue.listing import (
    EVERYTHING,
    NEWEST_FIRST,
    PagePosition,
    ProductFilter,
    ProductOrder,
    ProductSlice,
)
from application.catalogue.views import (
    Encoded,
    OffersView,
    OfferView,
    ProductDetailView,
    ProductView,
    SynchronisationView,
    Version,
)
from domain.errors import ProductNotFound
from domain.offer import TrackedOffer
from domain.product import Product
from domain.synchronisation import Synchronisation
from fakes.product_lists import positions_behind
from fakes.product_views import product_view, version_of
from fakes.storage import InMemoryStorage, Rows


@dataclass(frozen=True)
class InMemoryCatalogueReader:
    """Sorts and cuts what is stored at every read."""

    storage: InMemoryStorage
    refresh_interval: timedelta
    sold_out_kept: timedelta

    async def version(self, product_id: UUID) -> Version:
        return version_of(self._view(*self._found(product_id)))

    async def detail(self, product_id: UUID, *, sold_out_too: bool = False) -> Encoded[ProductDetailView]:
        view = self._detail(product_id, sold_out_too)
        return Encoded(msgspec.json.encode(view), version_of(view))

    async def offers(self, product_id: UUID, *, sold_out_too: bool = False) -> Encoded[OffersView]:
        view = self._detail(product_id, sold_out_too)
        return Encoded(msgspec.json.encode(OffersView(view.offers, view.observed_at, view.stale)), version_of(view))

    def _detail(self, product_id: UUID, sold_out_too: bool) -> ProductDetailView:
        product, state = self._found(product_id)
        shown_since = self.storage.clock() - (self.sold_out_kept if sold_out_too else timedelta(0))
        offers = [
            offer
            for offer in self.storage.rows.offers.get(product_id, {}).values()
            if offer.sold_out_at is None or (sold_out_too and not offer.unknown and offer.sold_out_at > shown_since)
        ]
        offers.sort(key=lambda offer: (offer.sold_out_at is not None, offer.price, offer.id))
        view = self._view(product, state)
        return ProductDetailView(
            **{name: getattr(view, name) for name in ProductView.__slots__}, offers=[_offer(offer) for offer in offers]
        )

    async def products(
        self,
        limit: int,
        order: ProductOrder = NEWEST_FIRST,
        after: PagePosition | None = None,
        wanted: ProductFilter = EVERYTHING,
    ) -> ProductSlice:
        rows = self._reached()
        walk = positions_behind(rows, order, after, wanted)
        items = [self._view(rows.products[each.id], rows.synchronisations[each.id].state) for each in walk[:limit]]
        last = walk[limit - 1] if len(walk) > limit else None
        return ProductSlice(msgspec.json.encode(items), _oldest(items), last)

    async def synchronisation(self, product_id: UUID) -> SynchronisationView:
        _, state = self._found(product_id)
        return SynchronisationView(
            last_attempt_at=state.last_attempt_at,
            last_success_at=state.last_success_at,
            next_attempt_at=state.next_attempt_at(self.refresh_interval),
            consecutive_failures=state.consecutive_failures,
            last_error=state.last_error,
            refused_rows=state.refused_rows,
        )

    def _reached(self) -> Rows:
        self.storage.reach()
        return self.storage.rows

    def _found(self, product_id: UUID) -> tuple[Product, Synchronisation]:
        rows = self._reached()
        if product_id not in rows.products:
            raise ProductNotFound(product_id)
        return rows.products[product_id], rows.synchronisations[product_id].state

    def _view(self, product: Product, state: Synchronisation) -> ProductView:
        return product_view(product, state, self.storage.clock())


def _oldest(products: list[ProductView]) -> datetime | None:
    observed = [each.observed_at for each in products]
    return None if None in observed else min(filter(None, observed), default=None)


def _offer(offer: TrackedOffer) -> OfferView:
    return OfferView(offer.id, offer.price, offer.items_in_stock, offer.first_seen_at, offer.changed_at)
