"""The product repository, on advanced-alchemy's: it handles few rows at a time, so the mapper is fast enough."""

from collections.abc import Collection
from functools import cached_property
from typing import Any
from uuid import UUID

from advanced_alchemy.filters import NullFilter
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import ARRAY, Uuid, any_, bindparam, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.catalogue.product_json import PRODUCT_JSON, to_encoded
from adapters.postgres.catalogue.rows import ProductRow
from adapters.postgres.prices.tables import insight
from adapters.postgres.rows import Timestamp
from adapters.postgres.synchronisation.rows import synchronisation
from application.catalogue.listing import name_key
from application.catalogue.views import Encoded, ProductView
from domain.errors import ProductNotFound
from domain.product import Product, Registration, RegistrationState
from domain.text import fold, words
from domain.window import BucketWidth

_LIVING = NullFilter("withdrawn_at")
# Due no later than now by the database's clock, which schedules and history go by: the caller's may be ahead.
_since = func.least(bindparam("made_at", type_=Timestamp), func.now())
_ADD_SYNCHRONISATION = insert(synchronisation).values(
    product_id=bindparam("product_id"), not_before=_since, consecutive_failures=0, offers_in_stock=0
)
# One day early, because the database's clock may be set back a little.
_ADD_INSIGHT = insert(insight).values(
    product_id=bindparam("product_id"), rolled_until=func.date_trunc("day", _since, "UTC") - BucketWidth.DAY.length
)
_WITHDRAW_SYNCHRONISATION = delete(synchronisation).where(synchronisation.c.product_id == bindparam("product_id"))


class _Rows(SQLAlchemyAsyncRepository[ProductRow]):
    model_type = ProductRow


class SqlAlchemyProductRepository:
    """Products as rows of `product`, each with a row of `synchronisation` and one of `insight` beside it."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._locked: dict[UUID, ProductRow] = {}

    @cached_property
    def _rows(self) -> _Rows:
        # Made at the first use: most units of work of a refresh need none.
        return _Rows(session=self._session, wrap_exceptions=False, auto_refresh=False)

    async def add(self, product: Product) -> None:
        await self._rows.add(_write(product, ProductRow(id=product.id)))
        # Built once, and no rows of the mapper: these are expressions, which it would compile and read back each time.
        for statement in (_ADD_SYNCHRONISATION, _ADD_INSIGHT):
            await self._session.execute(statement, {"product_id": product.id, "made_at": product.created_at})

    async def get(self, product_id: UUID) -> Product:
        row = await self._rows.get_one_or_none(_LIVING, with_for_update=True, id=product_id)
        if row is None:
            raise ProductNotFound(product_id)
        self._locked[row.id] = row
        return _read(row)

    async def list(self, product_ids: Collection[UUID]) -> list[Product]:
        if not product_ids:
            return []
        # An array and no IN list, which would be another statement for every number of ids.
        wanted = ProductRow.id == any_(bindparam(None, list(product_ids), type_=ARRAY(Uuid)))
        locking: Any = select(ProductRow).with_for_update()
        rows = await self._rows.get_many(wanted, _LIVING, statement=locking, order_by=("id", False))
        self._locked.update((row.id, row) for row in rows)
        return [_read(row) for row in rows]

    async def save(self, *products: Product) -> None:
        for product in products:
            _write(product, self._locked[product.id])
        await self._session.flush()

    async def remove(self, product: Product) -> None:
        self._locked[product.id].withdrawn_at = func.now()
        await self._session.flush()
        # This waits for a worker that is writing the product's observation.
        await self._session.execute(_WITHDRAW_SYNCHRONISATION, {"product_id": product.id})

    async def show(self, product: Product) -> Encoded[ProductView]:
        return to_encoded((await self._session.execute(PRODUCT_JSON, {"ids": [product.id]})).one())


def _write(product: Product, row: ProductRow) -> ProductRow:
    if (row.name, row.description) != (product.name, product.description):
        row.name, row.description = product.name, product.description
        row.name_folded, row.description_folded = name_key(product.name), fold(product.description)
        row.words = " ".join(words(f"{product.name} {product.description}"))
    row.created_at, row.updated_at, row.revision = product.created_at, product.updated_at, product.revision
    registration = product.registration
    row.registration_state, row.registration_since = registration.state.value, registration.since
    row.registration_detail, row.submitted_at = registration.detail, registration.submitted_at
    return row


def _read(row: ProductRow) -> Product:
    return Product(
        id=row.id,
        name=row.name,
        description=row.description,
        created_at=row.created_at,
        updated_at=row.updated_at,
        revision=row.revision,
        registration=Registration(
            state=RegistrationState(row.registration_state),
            since=row.registration_since,
            detail=row.registration_detail,
            submitted_at=row.submitted_at,
        ),
    )
