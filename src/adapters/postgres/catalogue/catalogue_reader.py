"""Reads on PostgreSQL: one statement each, in autocommit, built once, and answered in JSON."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Interval,
    Select,
    Uuid,
    any_,
    bindparam,
    cast,
    func,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.catalogue.product_json import as_json, offers_of, product_fields, time
from adapters.postgres.catalogue.product_pages import PRODUCTS, page_query
from adapters.postgres.connection import connect, fetch
from adapters.postgres.driver_query import DriverQuery
from adapters.postgres.synchronisation.synchronisation_repository import to_synchronisation
from adapters.postgres.tables import offer, product, synchronisation
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
    ProductDetailView,
    ProductView,
    SynchronisationView,
    Version,
)
from application.grouping import Grouped
from domain.errors import ProductNotFound

_SYNCHRONISATION = select(synchronisation).where(synchronisation.c.product_id == bindparam("product_id", type_=Uuid))

# Behind a subquery, where PostgreSQL does not see how many they are: it would plan anew for every number.
_IDS = cast(select(bindparam("ids", type_=ARRAY(Uuid))).scalar_subquery(), ARRAY(Uuid))
_FOUND = PRODUCTS.where(product.c.id == any_(_IDS)).subquery("found")
_VERSION = (_FOUND.c.id, _FOUND.c.revision, _FOUND.c.observed_at, _FOUND.c.stale)
_IN_STOCK = (offer.c.sold_out_at.is_(None),)
_SOLD_OUT_TOO = (*_IN_STOCK, offer.c.sold_out_at > func.now() - bindparam("kept", type_=Interval))


def _detail(*shown: ColumnElement[bool]) -> list[ColumnElement[Any]]:
    return [*product_fields(_FOUND), offers_of(_FOUND, *shown).label("offers")]


def _offers(*shown: ColumnElement[bool]) -> list[ColumnElement[Any]]:
    return [offers_of(_FOUND, *shown).label("items"), time(_FOUND.c.observed_at).label("observed_at"), _FOUND.c.stale]


def _with_json(fields: list[ColumnElement[Any]]) -> Select[Any]:
    json, shown = as_json(_FOUND, fields)
    return select(*_VERSION, json).join(shown, true())


def _version(row: Any) -> Version:
    return Version(row[1], row[2], row[3])


def _encoded(row: Any) -> Encoded[Any]:
    return Encoded(row[4].encode(), _version(row))


Found = TypeVar("Found")


class SqlAlchemyCatalogueReader:
    """The catalogue as everybody sees it."""

    def __init__(self, engine: AsyncEngine, refresh_interval: timedelta, sold_out_kept: timedelta) -> None:
        self._engine = engine
        self._refresh_interval = refresh_interval
        self._sold_out_kept = sold_out_kept
        self._versions = self._grouped(select(*_VERSION), _version)
        self._products: Grouped[UUID, Encoded[ProductView] | None] = self._grouped(
            _with_json(product_fields(_FOUND)), _encoded
        )
        self._details: dict[bool, Grouped[UUID, Encoded[ProductDetailView] | None]] = {
            False: self._grouped(_with_json(_detail(*_IN_STOCK)), _encoded),
            True: self._grouped(_with_json(_detail(*_SOLD_OUT_TOO)), _encoded),
        }
        self._offers: dict[bool, Grouped[UUID, Encoded[OffersView] | None]] = {
            False: self._grouped(_with_json(_offers(*_IN_STOCK)), _encoded),
            True: self._grouped(_with_json(_offers(*_SOLD_OUT_TOO)), _encoded),
        }

    async def version(self, product_id: UUID) -> Version:
        return await _get(self._versions, product_id)

    async def product(self, product_id: UUID) -> Encoded[ProductView]:
        return await _get(self._products, product_id)

    async def detail(self, product_id: UUID, *, sold_out_too: bool = False) -> Encoded[ProductDetailView]:
        return await _get(self._details[sold_out_too], product_id)

    async def offers(self, product_id: UUID, *, sold_out_too: bool = False) -> Encoded[OffersView]:
        return await _get(self._offers[sold_out_too], product_id)

    async def products(
        self,
        limit: int,
        order: ProductOrder = NEWEST_FIRST,
        after: PagePosition | None = None,
        wanted: ProductFilter = EVERYTHING,
    ) -> ProductSlice:
        query, parameters = page_query(order, limit, after, wanted)
        (page,) = await fetch(self._engine, query.sql, query.values(parameters))
        last = PagePosition(page["last_key"], page["last_id"]) if page["more"] else None
        return ProductSlice(f"[{page['json'] or ''}]".encode(), page["oldest"], last)

    async def synchronisation(self, product_id: UUID) -> SynchronisationView:
        async with connect(self._engine) as connection:
            row = (await connection.execute(_SYNCHRONISATION, {"product_id": product_id})).one_or_none()
        if row is None:
            raise ProductNotFound(product_id)
        state = to_synchronisation(row)
        return SynchronisationView(
            last_attempt_at=state.last_attempt_at,
            last_success_at=state.last_success_at,
            next_attempt_at=state.next_attempt_at(self._refresh_interval),
            consecutive_failures=state.consecutive_failures,
            last_error=state.last_error,
        )

    def _grouped(self, statement: Select[Any], found: Callable[[Any], Found]) -> Grouped[UUID, Found | None]:
        query = DriverQuery.of(statement)

        async def read(ids: Sequence[UUID]) -> Sequence[Found | None]:
            values = query.values({"ids": list({*ids}), "kept": self._sold_out_kept})
            shown = {row[0]: found(row) for row in await fetch(self._engine, query.sql, values)}
            return [shown.get(id) for id in ids]

        return Grouped(read)


async def _get(reads: Grouped[UUID, Found | None], product_id: UUID) -> Found:
    found = await reads(product_id)
    if found is None:
        raise ProductNotFound(product_id)
    return found
