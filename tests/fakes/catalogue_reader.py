"""Reads and upkeep of the catalogue kept in memory; they see what is committed and wait for nobody."""

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
    BestOfferView,
    Encoded,
    OffersView,
    OfferView,
    ProductDetailView,
    ProductView,
    RegistrationView,
    SynchronisationView,
    Version,
)
from domain.errors import ProductNotFound
from domain.offer import TrackedOffer
from domain.price_change import price_change
from domain.price_history import in_force_at
from domain.product import Product
from domain.synchronisation import Synchronisation
from fakes.price_readers import recorded_steps
from fakes.product_lists import positions_behind
from fakes.storage import InMemoryStorage, Rows


@dataclass(frozen=True)
class InMemoryCatalogueReader:
    """Sorts and cuts what is stored at every read."""

    storage: InMemoryStorage
    refresh_interval: timedelta
    sold_out_kept: timedelta

    async def version(self, product_id: UUID) -> Version:
        return _version(self._view(*self._found(product_id)))

    async def product(self, product_id: UUID) -> Encoded[ProductView]:
        view = self._view(*self._found(product_id))
        return Encoded(msgspec.json.encode(view), _version(view))

    async def detail(self, product_id: UUID, *, sold_out_too: bool = False) -> Encoded[ProductDetailView]:
        view = self._detail(product_id, sold_out_too)
        return Encoded(msgspec.json.encode(view), _version(view))

    async def offers(self, product_id: UUID, *, sold_out_too: bool = False) -> Encoded[OffersView]:
        view = self._detail(product_id, sold_out_too)
        return Encoded(msgspec.json.encode(OffersView(view.offers, view.observed_at, view.stale)), _version(view))

    def _detail(self, product_id: UUID, sold_out_too: bool) -> ProductDetailView:
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


def _oldest(products: list[ProductView]) -> datetime | None:
    observed = [each.observed_at for each in products]
    return None if None in observed else min(filter(None, observed), default=None)


def _version(product: ProductView) -> Version:
    return Version(product.revision, product.observed_at, product.stale)


@dataclass(frozen=True)
class InMemoryRowKeeper:
    """Purges what is stored."""

    storage: InMemoryStorage

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

    async def purge_answers(self, kept: timedelta, rows: int) -> int:
        self.storage.reach()
        stored, before = self.storage.rows.copy(), self.storage.clock() - kept
        expired = [key for key, (_, at) in stored.answers.items() if at < before][:rows]
        for key in expired:
            del stored.answers[key]
        self.storage.rows = stored
        return len(expired)


@dataclass(frozen=True)
class InMemoryHistoryKeeper:
    """History needs no upkeep here: nothing of it is ever rolled up or dropped."""

    storage: InMemoryStorage

    async def prepare_history(self) -> None:
        self.storage.reach()

    async def roll_up(self, products: int) -> int:
        self.storage.reach()
        return 0

    async def drop_expired(self) -> int:
        self.storage.reach()
        return 0


@dataclass(frozen=True)
class InMemoryPriceChanges:
    """Changes by product, worked out from all steps."""

    storage: InMemoryStorage

    async def refresh(self, after: UUID, products: int) -> UUID | None:
        self.storage.reach()
        rows, now = self.storage.rows.copy(), self.storage.clock()
        batch = sorted(id for id in rows.products if id > after)[:products]
        for id in batch:
            steps = recorded_steps(self.storage, id)
            before = [in_force_at(steps, now - timedelta(days=days)) for days in (1, 7)]
            day, week = (price_change(found, in_force_at(steps, now)).change for found in before)
            rows.changes[id] = (day, week)
        self.storage.rows = rows
        return batch[-1] if batch else None


def _offer(offer: TrackedOffer) -> OfferView:
    return OfferView(offer.id, offer.price, offer.items_in_stock, offer.first_seen_at, offer.changed_at)
