"""Reads of products at a past time on PostgreSQL: one statement each, in autocommit."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.catalogue.as_of_sql import OF_THEN, one, page
from adapters.postgres.catalogue.product_filters import wanted_values
from adapters.postgres.connection import connect, for_single_statements
from application.catalogue.as_of import (
    BestOfferAsOfView,
    ListedProductAsOfView,
    OfferAsOfView,
    ProductAsOf,
    ProductDetailAsOfView,
    SliceAsOf,
)
from application.catalogue.listing import PagePosition, ProductFilter, ProductOrder, SortKey
from application.catalogue.views import RegistrationView
from application.synchronisation.repositories import LONGEST_LEASE
from domain.prices.price import PriceState
from domain.product import RegistrationState
from domain.window import BucketWidth

LOOKED_AT = 2_000
"""Products whose past facts one page reads at most, if it is filtered by these."""
MOST_SORTED = 20_000
"""Products that a page sorts by their past prices at most: no index has these."""

_ONE = {sold_out_too: one(sold_out_too=sold_out_too) for sold_out_too in (False, True)}


class SqlAlchemyCatalogueAsOfReader:
    """See `CatalogueAsOfReader`.

    `settles` is how long after its `created_at` a product may still be committed, differences of clocks included.
    """

    def __init__(self, engine: AsyncEngine, sold_out_kept: timedelta, settles: timedelta) -> None:
        self._engine = for_single_statements(engine)
        self._sold_out_kept = sold_out_kept
        self._settles = settles

    async def product(self, product_id: UUID, at: datetime, *, sold_out_too: bool = False) -> ProductAsOf | None:
        day = BucketWidth.DAY
        asked = {
            "product_id": product_id,
            "at": at,
            "day": day.floor(at),
            "first_day": day.floor(at - self._sold_out_kept),
            "kept": self._sold_out_kept,
        }
        async with connect(self._engine) as connection:
            rows = (await connection.execute(_ONE[sold_out_too], asked)).all()
        return _product(rows, at) if rows else None

    async def products(
        self, at: datetime, limit: int, order: ProductOrder, after: PagePosition | None, wanted: ProductFilter
    ) -> SliceAsOf | None:
        values = wanted_values(wanted)
        by_price, by_facts = order.key is SortKey.PRICE, not OF_THEN.keys().isdisjoint(values)
        most = MOST_SORTED + 1 if by_price else LOOKED_AT if by_facts else limit + 1
        asked = {
            **values,
            "at": at,
            "day": BucketWidth.DAY.floor(at),
            "settles": self._settles,
            "longest_lease": LONGEST_LEASE,
            "looked_at": most,
            "limit_and_one": limit + 1,
        }
        if after is not None:
            asked |= {"after_id": after.id, f"after_{order.key}": after.key}
        query = page(
            order,
            frozenset(values),
            behind=after is not None,
            behind_null=after is not None and after.key is None,
        )
        async with connect(self._engine) as connection:
            rows = (await connection.execute(query, asked)).all()
        looked = rows[0]
        if by_price and looked.looked_at > MOST_SORTED:
            return None
        found = [row for row in rows if row.id is not None]
        shown, last = found[:limit], None
        if len(found) > limit:
            last = PagePosition(shown[-1].key, shown[-1].id)
        elif by_facts and not by_price and looked.looked_at == most:
            last = PagePosition(looked.last_key, looked.last_id)
        observed = [row.observed_at for row in shown]
        return SliceAsOf(
            [_listed(row, at) for row in shown],
            last,
            None if None in observed else min(observed, default=None),
            final=looked.settled and all(each is None or each > at for each in observed),
        )


def _product(rows: Sequence[Any], at: datetime) -> ProductAsOf:
    first = rows[0]
    known = first.state not in (None, PriceState.UNKNOWN)
    offers = [row for row in rows if row.offer_id is not None]
    in_stock = [row for row in offers if not row.sold_out]
    best = in_stock[0] if in_stock else None
    view = ProductDetailAsOfView(
        **_texts(first),
        best_offer=BestOfferAsOfView(best.offer_id, best.price) if best else None,
        offers_in_stock=len(in_stock) if known else None,
        observed_at=_observed_at(first, at, [row.piece_from for row in in_stock]),
        stale=False,
        as_of=at,
        offers=[
            OfferAsOfView(row.offer_id, row.price, 0 if row.sold_out else None, row.first_seen_at, row.changed_at)
            for row in offers
        ],
    )
    return ProductAsOf(view, first.observed_at)


def _listed(row: Any, at: datetime) -> ListedProductAsOfView:
    return ListedProductAsOfView(
        **_texts(row),
        best_offer=row.best_offer_id and BestOfferAsOfView(row.best_offer_id, row.best_price),
        offers_in_stock=row.offers_in_stock,
        observed_at=_observed_at(row, at, [row.piece_from]),
        stale=False,
        as_of=at,
    )


def _texts(row: Any) -> dict[str, Any]:
    since, state = row.registration_since, RegistrationState(row.registration_state)
    return {
        **{name: getattr(row, name) for name in ("id", "name", "description", "created_at", "updated_at", "revision")},
        "registration": RegistrationView(state, since, row.registration_detail),
    }


def _observed_at(row: Any, at: datetime, pieces: Sequence[datetime | None]) -> datetime | None:
    """Return the product's last observation, or the last by then that began a price; midnight begins none."""
    if row.observed_at is None or row.observed_at <= at:
        observed: datetime | None = row.observed_at
        return observed
    if row.state == PriceState.UNKNOWN:
        return None
    began = (each for each in (row.step_from, *pieces) if each is not None)
    return max((each for each in began if each > BucketWidth.DAY.floor(at)), default=None)
