"""Reads on PostgreSQL: one statement each, in autocommit, built once."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    Executable,
    Interval,
    Row,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.connection import connect
from adapters.postgres.product_pages import PRODUCTS, page_statement
from adapters.postgres.synchronisations import to_synchronisation
from adapters.postgres.tables import offer, product, synchronisation
from application.listing import EVERYTHING, NEWEST_FIRST, PagePosition, ProductFilter, ProductOrder, ProductSlice
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
from domain.product import RegistrationState

_SYNCHRONISATION = select(synchronisation).where(synchronisation.c.product_id == bindparam("product_id", type_=Uuid))


_OFFER_FIELDS = (offer.c.id, offer.c.price, offer.c.items_in_stock, offer.c.first_seen_at, offer.c.changed_at)


def _with_offers(*shown: ColumnElement[bool]) -> Select[Any]:
    # PostgreSQL puts the offers into one JSON value, so that product and offers come in one row of one statement.
    pairs: list[tuple[ColumnElement[Any], ColumnElement[Any]]] = [
        (literal_column(f"'{column.name}'"), column) for column in _OFFER_FIELDS
    ]
    each = func.json_build_object(*chain.from_iterable(pairs))
    in_order = aggregate_order_by(each, offer.c.sold_out_at.is_not(None), offer.c.price, offer.c.id)
    offers = select(cast(func.json_agg(in_order), Text)).where(offer.c.product_id == product.c.id, or_(*shown))
    return PRODUCTS.add_columns(offers.scalar_subquery().label("offers")).where(
        product.c.id == bindparam("product_id", type_=Uuid)
    )


_DETAIL = _with_offers(offer.c.sold_out_at.is_(None))
_DETAIL_WITH_SOLD_OUT = _with_offers(
    offer.c.sold_out_at.is_(None), offer.c.sold_out_at > func.now() - bindparam("kept", type_=Interval)
)


class SqlAlchemyCatalogueReader:
    """The catalogue as everybody sees it."""

    def __init__(self, engine: AsyncEngine, refresh_interval: timedelta, sold_out_kept: timedelta) -> None:
        # A read is one statement: a transaction around it would be two round trips for nothing.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._refresh_interval = refresh_interval
        self._sold_out_kept = sold_out_kept

    async def product(self, product_id: UUID, *, sold_out_too: bool = False) -> ProductDetailView:
        parameters: dict[str, Any] = {"product_id": product_id}
        if sold_out_too:
            parameters["kept"] = self._sold_out_kept
        for row in await self._rows(_DETAIL_WITH_SOLD_OUT if sold_out_too else _DETAIL, parameters):
            offers = msgspec.json.decode(row.offers, type=list[OfferView]) if row.offers else []
            return ProductDetailView(**_fields(row), offers=offers)
        raise ProductNotFound(product_id)

    async def products(
        self,
        limit: int,
        order: ProductOrder = NEWEST_FIRST,
        after: PagePosition | None = None,
        wanted: ProductFilter = EVERYTHING,
    ) -> ProductSlice:
        # One more than asked for tells whether there are more.
        statement, parameters = page_statement(order, limit + 1, after, wanted)
        rows = await self._rows(statement, parameters)
        last = rows[limit - 1] if len(rows) > limit else None
        items = [ProductView(**_fields(row)) for row in rows[:limit]]
        return ProductSlice(items, last and PagePosition(last.sort_key, last.id))

    async def offers(self, product_id: UUID, *, sold_out_too: bool = False) -> OffersView:
        product = await self.product(product_id, sold_out_too=sold_out_too)
        return OffersView(product.offers, product.observed_at, product.stale)

    async def synchronisation(self, product_id: UUID) -> SynchronisationView:
        for row in await self._rows(_SYNCHRONISATION, {"product_id": product_id}):
            state = to_synchronisation(row)
            return SynchronisationView(
                last_attempt_at=state.last_attempt_at,
                last_success_at=state.last_success_at,
                next_attempt_at=state.next_attempt_at(self._refresh_interval),
                consecutive_failures=state.consecutive_failures,
                last_error=state.last_error,
            )
        raise ProductNotFound(product_id)

    async def _rows(self, statement: Executable, parameters: Mapping[str, Any]) -> Sequence[Row[Any]]:
        async with connect(self._engine) as connection:
            return (await connection.execute(statement, parameters)).all()


def _fields(row: Row[Any]) -> dict[str, Any]:
    best = row.best_offer_id and BestOfferView(row.best_offer_id, row.best_price, row.best_offer_items_in_stock)
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "revision": row.revision,
        "registration": RegistrationView(
            RegistrationState(row.registration_state), row.registration_since, row.registration_detail
        ),
        "best_offer": best,
        "offers_in_stock": row.offers_in_stock,
        "observed_at": row.observed_at,
        "stale": row.stale,
    }
