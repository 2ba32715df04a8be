"""Reads of the catalogue on PostgreSQL: one statement each, in autocommit, built once and answered in JSON."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Interval, Select, Uuid, and_, any_, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.postgres.catalogue.product_json import (
    FOUND,
    VERSION,
    offers_of,
    product_fields,
    time,
    to_encoded,
    to_version,
    with_json,
)
from adapters.postgres.catalogue.product_pages import page_queries
from adapters.postgres.catalogue.shared_reads import SharedReads
from adapters.postgres.connection import connect, fetch
from adapters.postgres.driver_query import DriverQuery
from adapters.postgres.synchronisation.rows import offer, synchronisation
from adapters.postgres.synchronisation.synchronisation_repository import to_synchronisation
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
from domain.errors import ProductNotFound
from domain.synchronisation import Synchronisation

_SYNCHRONISATIONS = select(synchronisation).where(
    synchronisation.c.product_id == any_(bindparam("product_ids", type_=ARRAY(Uuid)))
)
_IN_STOCK = (offer.c.sold_out_at.is_(None),)
_SOLD_OUT_TOO = (
    *_IN_STOCK,
    # An unknown offer is neither in stock nor sold out.
    and_(offer.c.known_until.is_(None), offer.c.sold_out_at > func.now() - bindparam("kept", type_=Interval)),
)


def _detail(*shown: ColumnElement[bool]) -> Select[Any]:
    return with_json([*product_fields(FOUND), offers_of(FOUND, *shown).label("offers")])


def _offers(*shown: ColumnElement[bool]) -> Select[Any]:
    return with_json(
        [offers_of(FOUND, *shown).label("items"), time(FOUND.c.observed_at).label("observed_at"), FOUND.c.stale]
    )


Found = TypeVar("Found")


class SqlAlchemyCatalogueReader:
    """See `CatalogueReader`."""

    def __init__(self, engine: AsyncEngine, refresh_interval: timedelta, sold_out_kept: timedelta) -> None:
        self._engine = engine
        self._refresh_interval = refresh_interval
        self._sold_out_kept = sold_out_kept
        self._versions: SharedReads[Version] = self._shared(select(*VERSION), to_version)
        self._details: dict[bool, SharedReads[Encoded[ProductDetailView]]] = {
            False: self._shared(_detail(*_IN_STOCK), to_encoded),
            True: self._shared(_detail(*_SOLD_OUT_TOO), to_encoded),
        }
        self._offers: dict[bool, SharedReads[Encoded[OffersView]]] = {
            False: self._shared(_offers(*_IN_STOCK), to_encoded),
            True: self._shared(_offers(*_SOLD_OUT_TOO), to_encoded),
        }

    async def version(self, product_id: UUID) -> Version:
        return await self._versions(product_id)

    async def detail(self, product_id: UUID, *, sold_out_too: bool = False) -> Encoded[ProductDetailView]:
        return await self._details[sold_out_too](product_id)

    async def offers(self, product_id: UUID, *, sold_out_too: bool = False) -> Encoded[OffersView]:
        return await self._offers[sold_out_too](product_id)

    async def products(
        self,
        limit: int,
        order: ProductOrder = NEWEST_FIRST,
        after: PagePosition | None = None,
        wanted: ProductFilter = EVERYTHING,
        change: ChangePeriod | None = None,
    ) -> ProductSlice:
        first, second, parameters = page_queries(order, limit, after, wanted, change)
        (page,) = await fetch(self._engine, first.sql, first.values(parameters))
        if second is not None and not page["more"]:
            (page,) = await fetch(self._engine, second.sql, second.values(parameters))
        last = PagePosition(page["last_key"], page["last_id"]) if page["more"] else None
        return ProductSlice(f"[{page['json'] or ''}]".encode(), page["oldest"], last)

    async def synchronisation(self, product_id: UUID) -> SynchronisationView:
        found = await self.synchronisations([product_id])
        if product_id not in found:
            raise ProductNotFound(product_id)
        return found[product_id]

    async def synchronisations(self, product_ids: Sequence[UUID]) -> Mapping[UUID, SynchronisationView]:
        async with connect(self._engine) as connection:
            rows = (await connection.execute(_SYNCHRONISATIONS, {"product_ids": list(product_ids)})).all()
        return {row.product_id: self._view(to_synchronisation(row)) for row in rows}

    def _view(self, state: Synchronisation) -> SynchronisationView:
        return SynchronisationView(
            last_attempt_at=state.last_attempt_at,
            last_success_at=state.last_success_at,
            next_attempt_at=state.next_attempt_at(self._refresh_interval),
            consecutive_failures=state.consecutive_failures,
            last_error=state.last_error,
            refused_rows=state.refused_rows,
        )

    def _shared(self, statement: Select[Any], decode: Callable[[Any], Found]) -> SharedReads[Found]:
        query = DriverQuery.of(statement)

        async def read(ids: Sequence[UUID]) -> Mapping[UUID, Found]:
            values = query.values({"ids": ids, "kept": self._sold_out_kept})
            return {row[0]: decode(row) for row in await fetch(self._engine, query.sql, values)}

        return SharedReads(read)
