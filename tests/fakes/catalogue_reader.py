"""Reads of the catalogue kept in memory; they see committed rows and wait for nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from application.catalogue.listing import (
    EVERYTHING,
    NEWEST_FIRST,
    ChangePeriod,
    PagePosition,
    ProductFilter,
    ProductOrder,
    ProductSlice,
)
from application.catalogue.views import (
    Encoded,
    ListedProductView,
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
from fakes.product_lists import NOTHING, positions_behind
from fakes.product_views import product_view, version_of
from fakes.storage import InMemoryStorage, Rows

NUMBERS = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True)
class InMemoryCatalogueReader:
    """Sorts and cuts the stored rows at every read."""

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
        change: ChangePeriod | None = None,
    ) -> ProductSlice:
        rows = self._reached()
        walk = positions_behind(rows, order, after, wanted, self.storage.clock())
        items = [self._listed(each.id, change) for each in walk[:limit]]
        last = walk[limit - 1] if len(walk) > limit else None
        return ProductSlice(NUMBERS.encode(items), _oldest(items), last)

    async def synchronisation(self, product_id: UUID) -> SynchronisationView:
        found = await self.synchronisations([product_id])
        if product_id not in found:
            raise ProductNotFound(product_id)
        return found[product_id]

    async def synchronisations(self, product_ids: Sequence[UUID]) -> Mapping[UUID, SynchronisationView]:
        rows = self._reached()
        return {id: self._attempts(rows.synchronisations[id].state) for id in product_ids if id in rows.products}

    def _attempts(self, state: Synchronisation) -> SynchronisationView:
        return SynchronisationView(
            last_attempt_at=state.last_attempt_at,
            last_success_at=state.last_success_at,
            next_attempt_at=state.next_attempt_at(self.refresh_interval),
            consecutive_failures=state.consecutive_failures,
            last_error=state.last_error,
            refused_rows=state.refused_rows,
        )

    def _listed(self, id: UUID, change: ChangePeriod | None) -> ListedProductView:
        view = self._view(*self._found(id))
        day, week, _ = self.storage.rows.changes.get(id, NOTHING)
        shown = {ChangePeriod.DAY: day, ChangePeriod.WEEK: week, None: None}[change]
        return ListedProductView(**{name: getattr(view, name) for name in ProductView.__slots__}, change=shown)

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


def _oldest(products: Sequence[ProductView]) -> datetime | None:
    observed = [each.observed_at for each in products]
    return None if None in observed else min(filter(None, observed), default=None)


def _offer(offer: TrackedOffer) -> OfferView:
    return OfferView(offer.id, offer.price, offer.items_in_stock, offer.first_seen_at, offer.changed_at)
