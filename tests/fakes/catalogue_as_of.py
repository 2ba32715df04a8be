"""The catalogue at a past time, from all history that is kept in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from application.catalogue.as_of import (
    BestOfferAsOfView,
    ListedProductAsOfView,
    OfferAsOfView,
    ProductAsOf,
    ProductAsOfView,
    ProductDetailAsOfView,
    SliceAsOf,
)
from application.catalogue.listing import PagePosition, ProductFilter, ProductOrder
from application.catalogue.views import ProductView
from application.synchronisation.repositories import LONGEST_LEASE
from domain.offer import OfferInterval
from domain.prices.price import PriceState, PriceStep
from domain.window import BucketWidth
from fakes.price_readers import InMemoryOfferPriceReader, recorded_steps
from fakes.product_lists import facts_of_then, positions_behind
from fakes.product_views import product_view
from fakes.storage import InMemoryStorage

PRODUCT_FIELDS = ProductAsOfView.__slots__


@dataclass(frozen=True)
class InMemoryCatalogueAsOfReader:
    """Looks through all steps and intervals at every read, and sorts everything."""

    storage: InMemoryStorage
    sold_out_kept: timedelta
    settles: timedelta

    async def product(self, product_id: UUID, at: datetime, *, sold_out_too: bool = False) -> ProductAsOf | None:
        self.storage.reach()
        product = self.storage.rows.products.get(product_id)
        if product is None or product.created_at > at:
            return None
        view = self._view(product_id, at)
        offers = view.offers if sold_out_too else [offer for offer in view.offers if offer.items_in_stock is None]
        kept = {name: getattr(view, name) for name in PRODUCT_FIELDS}
        return ProductAsOf(ProductDetailAsOfView(**kept, offers=offers), self._last_observed_at(product_id))

    async def products(
        self, at: datetime, limit: int, order: ProductOrder, after: PagePosition | None, wanted: ProductFilter
    ) -> SliceAsOf | None:
        self.storage.reach()
        rows = self.storage.rows
        there = {id: self._view(id, at) for id, each in rows.products.items() if each.created_at <= at}
        then = facts_of_then(rows, {id: (view.best_offer, view.offers_in_stock) for id, view in there.items()})
        walk = positions_behind(then, order, after, wanted, at)
        items = [
            ListedProductAsOfView(**{name: getattr(there[each.id], name) for name in PRODUCT_FIELDS})
            for each in walk[:limit]
        ]
        observed = [self._last_observed_at(each.id) for each in items]
        return SliceAsOf(
            items,
            walk[limit - 1] if len(walk) > limit else None,
            None if None in observed else min(filter(None, observed), default=None),
            final=self._settled(at) and all(each is None or each > at for each in observed),
        )

    def _settled(self, at: datetime) -> bool:
        now = self.storage.clock()
        return at <= now - self.settles and not any(
            row.lease_until is not None
            and row.lease_until <= at + LONGEST_LEASE
            and (row.state.observed_at is None or row.state.observed_at <= at)
            for row in self.storage.rows.synchronisations.values()
        )

    def _last_observed_at(self, product_id: UUID) -> datetime | None:
        return self.storage.rows.synchronisations[product_id].state.observed_at

    def _view(self, product_id: UUID, at: datetime) -> ProductDetailAsOfView:
        rows = self.storage.rows
        today = product_view(rows.products[product_id], rows.synchronisations[product_id].state, at)
        steps = recorded_steps(self.storage, product_id)
        step = next((each for each in steps if each.valid_from <= at < each.valid_to), None)
        known = step is not None and step.state is not PriceState.UNKNOWN
        in_stock, sold_out = self._offers(product_id, steps, at) if known else ([], [])
        in_stock.sort(key=lambda each: (each.price, each.id))
        sold_out.sort(key=lambda each: (each.price, each.id))
        texts: Any = {name: getattr(today, name) for name in ProductView.__slots__}
        best = in_stock[0] if in_stock else None
        began = [each.changed_at for each in in_stock] + ([step.valid_from] if step and known else [])
        return ProductDetailAsOfView(
            **texts
            | {
                "stale": False,
                "best_offer": BestOfferAsOfView(best.id, best.price) if best else None,
                "offers_in_stock": len(in_stock) if known else None,
                "observed_at": self._observed_at(product_id, [each for each in began if each], at),
            },
            as_of=at,
            offers=in_stock + sold_out,
        )

    def _observed_at(self, product_id: UUID, began: Sequence[datetime], at: datetime) -> datetime | None:
        last = self._last_observed_at(product_id)
        if last is None or last <= at:
            return last
        return max((each for each in began if each > BucketWidth.DAY.floor(at)), default=None)

    def _offers(
        self, product_id: UUID, steps: Sequence[PriceStep], at: datetime
    ) -> tuple[list[OfferAsOfView], list[OfferAsOfView]]:
        in_stock, sold_out = [], []
        for id, pieces in InMemoryOfferPriceReader(self.storage).in_stock(product_id).items():
            intervals = [each for each in joined(pieces) if each.valid_from <= at]
            priced = [each.price for each in intervals if each.price is not None]
            if not intervals or not priced:
                continue
            seen = self.storage.rows.offers[product_id][id].first_seen_at
            first_seen_at = seen if seen <= at else None
            last = intervals[-1]
            if last.valid_to > at and last.price is not None:
                in_stock.append(OfferAsOfView(id, last.price, None, first_seen_at, last.valid_from))
            gaps = [each for each in steps if each.state is PriceState.UNKNOWN and each.valid_from >= last.valid_to]
            gone_at = last.valid_to
            for gap in gaps:
                # A gap may go over midnights.
                gone_at = gap.valid_to if gap.valid_from == gone_at else gone_at
            if at - self.sold_out_kept < gone_at <= at:
                sold_out.append(OfferAsOfView(id, priced[-1], 0, first_seen_at, gone_at))
        return in_stock, sold_out


def joined(pieces: Sequence[OfferInterval]) -> list[OfferInterval]:
    """Join intervals of one price that a midnight has cut apart."""
    found = list(pieces[:1])
    for before, after in pairwise(pieces):
        if before.valid_to == after.valid_from and before.price == after.price:
            found[-1] = OfferInterval(after.offer_id, after.price, found[-1].valid_from, after.valid_to)
        else:
            found.append(after)
    return found
