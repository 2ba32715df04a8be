"""Reads and upkeep of the catalogue kept in memory; they see what is committed and wait for nobody."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from application.ports import PagePosition
from application.views import (
    BestOfferView,
    OffersView,
    OfferView,
    ProductDetailView,
    ProductView,
    RegistrationView,
    SynchronisationView,
)
from domain.errors import ProductNotFound
from domain.offer import TrackedOffer
from domain.product import Product
from domain.synchronisation import Synchronisation
from fakes import InMemoryStorage, Rows


@dataclass(frozen=True)
class InMemoryCatalogueReader:
    """Sorts and cuts what is stored at every read."""

    storage: InMemoryStorage
    refresh_interval: timedelta
    sold_out_kept: timedelta

    async def product(self, product_id: UUID, *, sold_out_too: bool = False) -> ProductDetailView:
        product, state = self._found(product_id)
        shown_since = self.storage.clock() - (self.sold_out_kept if sold_out_too else timedelta(0))
        offers = [
            offer
            for offer in self.storage.rows.offers.get(product_id, {}).values()
            if offer.sold_out_at is None or (sold_out_too and offer.sold_out_at > shown_since)
        ]
        offers.sort(key=lambda offer: (offer.sold_out_at is not None, offer.price, offer.id))
        view = self._view(product, state)
        return ProductDetailView(
            **{name: getattr(view, name) for name in ProductView.__slots__}, offers=[_offer(offer) for offer in offers]
        )

    async def products(self, limit: int, after: PagePosition | None = None) -> list[ProductView]:
        rows = self._reached()
        newest = sorted(rows.products.values(), key=lambda product: (product.created_at, product.id), reverse=True)
        if after is not None:
            newest = [each for each in newest if (each.created_at, each.id) < (after.created_at, after.id)]
        return [self._view(product, rows.synchronisations[product.id].state) for product in newest[:limit]]

    async def offers(self, product_id: UUID, *, sold_out_too: bool = False) -> OffersView:
        product = await self.product(product_id, sold_out_too=sold_out_too)
        return OffersView(product.offers, product.observed_at, product.stale)

    async def synchronisation(self, product_id: UUID) -> SynchronisationView:
        _, state = self._found(product_id)
        return SynchronisationView(
            last_attempt_at=state.last_attempt_at,
            last_success_at=state.last_success_at,
            next_attempt_at=state.next_attempt_at(self.refresh_interval),
            consecutive_failures=state.consecutive_failures,
            last_error=state.last_error,
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
        registration, best = product.registration, state.best_offer
        return ProductView(
            id=product.id,
            name=product.name,
            description=product.description,
            created_at=product.created_at,
            updated_at=product.updated_at,
            revision=product.revision,
            registration=RegistrationView(registration.state, registration.since, registration.detail),
            best_offer=BestOfferView(best.id, best.price, best.items_in_stock) if best else None,
            offers_in_stock=state.offers_in_stock,
            observed_at=state.observed_at,
            stale=state.known_until is not None and state.known_until < self.storage.clock(),
        )


@dataclass(frozen=True)
class InMemoryRowKeeper:
    """Purges what is stored; days of history need no preparation here."""

    storage: InMemoryStorage

    async def prepare_history(self) -> None:
        self.storage.reach()

    async def purge_withdrawn(self) -> bool:
        self.storage.reach()
        rows = self.storage.rows.copy()
        for product_id in rows.withdrawn:
            del rows.withdrawn[product_id]
            rows.offers.pop(product_id, None)
            rows.intervals[:] = [each for each in rows.intervals if each[0] != product_id]
            rows.steps[:] = [each for each in rows.steps if each[0] != product_id]
            self.storage.rows = rows
            return True
        return False

    async def purge_sold_out(self, kept: timedelta, rows: int) -> int:
        self.storage.reach()
        stored, before, purged = self.storage.rows.copy(), self.storage.clock() - kept, 0
        for product_id, offers in stored.offers.items():
            for offer in offers.values():
                if offer.sold_out_at is not None and offer.sold_out_at < before and purged < rows:
                    left = {id: each for id, each in stored.offers[product_id].items() if id != offer.id}
                    stored.offers[product_id] = left
                    purged += 1
        self.storage.rows = stored
        return purged


def _offer(offer: TrackedOffer) -> OfferView:
    return OfferView(offer.id, offer.price, offer.items_in_stock, offer.first_seen_at, offer.changed_at)
