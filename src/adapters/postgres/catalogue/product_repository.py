"""The product repository, on advanced-alchemy's: it handles few rows at a time, so the mapper is fast enough."""

import random
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from advanced_alchemy.filters import NullFilter
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    ColumnElement,
    Integer,
    Text,
    Uuid,
    any_,
    bindparam,
    collate,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from adapters.postgres.bulk import arrays, unnested
from adapters.postgres.catalogue.product_json import PRODUCT_JSON, to_encoded
from adapters.postgres.catalogue.rows import ProductRow
from adapters.postgres.catalogue.rows import product as table
from adapters.postgres.errors import Locked
from adapters.postgres.prices.tables import insight
from adapters.postgres.synchronisation.rows import synchronisation
from application.catalogue.listing import name_key
from application.catalogue.views import Encoded, ProductView
from application.offload import offload
from domain.errors import ProductNotFound
from domain.product import Product, Registration, RegistrationState
from domain.text import fold, words
from domain.window import BucketWidth

_LIVING = NullFilter("withdrawn_at")
_ZERO: ColumnElement[int] = literal_column("0", Integer)

_STORED = [column for column in table.c if column not in (table.c.withdrawn_at, table.c.words)]
_ADDED_COLUMNS = [*_STORED, Column("words", Text)]
_NEW = unnested(*_ADDED_COLUMNS)
# An older release, which has no `insight`, has purged a product of this id, and the rest is not purged yet.
_half_purged = exists().where(insight.c.product_id == _NEW.c.id)
_words = func.array_to_tsvector(func.string_to_array(_NEW.c.words, " "))
# In one order everywhere: requests that add the same names wait for each other, and never both ways.
_added = (
    insert(table)
    .from_select(
        [*_STORED, table.c.words],
        select(*(_NEW.c[column.name] for column in _STORED), _words)
        .where(~_half_purged)
        .order_by(collate(_NEW.c.name, "C")),
    )
    .on_conflict_do_nothing()
    .returning(table.c.id, table.c.created_at)
    .cte("added")
)
# Due no later than now by the database's clock, which schedules and history go by: the caller's may be ahead.
_since = func.least(_added.c.created_at, func.now())
_synchronised = insert(synchronisation).from_select(
    ["product_id", "not_before", "consecutive_failures", "offers_in_stock", "loaded"],
    select(_added.c.id, _since, _ZERO, _ZERO, bindparam("loaded", type_=Boolean)),
)
# One day early, because the database's clock may be set back a little.
_day_before = func.date_trunc("day", _since, "UTC") - BucketWidth.DAY.length
_watched = insert(insight).from_select(
    ["product_id", "rolled_until", "offers_rolled_until"], select(_added.c.id, _day_before, _day_before)
)
_ADD = select(_added.c.id).add_cte(_synchronised.cte("synchronised"), _watched.cte("watched"))
_WANTED = unnested(table.c.id, table.c.name)
_TAKEN = select(
    _WANTED.c.id,
    or_(exists().where(table.c.id == _WANTED.c.id), exists().where(insight.c.product_id == _WANTED.c.id)).label(
        "id_taken"
    ),
    exists().where(table.c.name == _WANTED.c.name, table.c.withdrawn_at.is_(None)).label("name_taken"),
)
_WITHDRAW_SYNCHRONISATION = delete(synchronisation).where(synchronisation.c.product_id == bindparam("product_id"))


FOLDED_AT_ONCE = 200
"""Characters that take some 10 µs to fold."""
ATTEMPTS = 6
LOCK_SECONDS = (0.1, 0.4)
"""The shortest and the longest wait for a lock of one attempt: less than others wait, so that these do not fail."""
_WAIT_BRIEFLY = select(func.set_config("lock_timeout", bindparam("limit", type_=Text), true()))


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

    async def add(self, *products: Product) -> Mapping[UUID, tuple[str, ...]]:
        if not products:
            return {}
        # One statement and no rows of the mapper, which takes several times as long for many.
        characters = sum(len(product.name) + len(product.description) for product in products)
        values = await offload(lambda: [_values(product) for product in products], characters // FOLDED_AT_ONCE)
        new: dict[str, Any] = arrays(_ADDED_COLUMNS, values)
        new["loaded"] = loaded = len(products) > 1
        added = await (self._add_patiently(new) if loaded else self._add(new))
        refused = [product for product in products if product.id not in added]
        return await self._taken(refused) if refused else {}

    async def _add_patiently(self, new: Mapping[str, Any]) -> set[UUID]:
        """Add products, letting go of them and trying again while others have locks on some of the names or ids.

        Two writers that wait for each other are so resolved before either fails: one lets go while the other still
        waits. Names are taken in one order, but ids and renamed products are not.
        """
        attempt = 1
        while True:
            try:
                async with self._session.begin_nested():
                    wait = random.uniform(*LOCK_SECONDS)  # noqa: S311 - guards nothing
                    await self._session.execute(_WAIT_BRIEFLY, {"limit": f"{wait * 1000:.0f}"})
                    return await self._add(new)
            except Locked:
                attempt += 1
                if attempt > ATTEMPTS:
                    raise

    async def _add(self, new: Mapping[str, Any]) -> set[UUID]:
        return set((await self._session.execute(_ADD, new)).scalars())

    async def _taken(self, refused: Sequence[Product]) -> Mapping[UUID, tuple[str, ...]]:
        wanted = arrays([table.c.id, table.c.name], [(product.id, product.name) for product in refused])
        rows = await self._session.execute(_TAKEN, wanted)
        # Neither is taken any more if the other product has gone since then; only names are freed in a moment.
        return {
            row.id: (*(["id"] if row.id_taken else []), *(["name"] if row.name_taken or not row.id_taken else []))
            for row in rows
        }

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


def _values(product: Product) -> tuple[Any, ...]:
    """Return the values of _ADDED_COLUMNS."""
    registration = product.registration
    name_folded, description_folded, found = _folded(product)
    return (
        product.id,
        product.name,
        product.description,
        name_folded,
        description_folded,
        product.created_at,
        product.updated_at,
        product.revision,
        registration.state.value,
        registration.since,
        registration.detail,
        registration.submitted_at,
        found,
    )


def _write(product: Product, row: ProductRow) -> None:
    if (row.name, row.description) != (product.name, product.description):
        row.name, row.description = product.name, product.description
        row.name_folded, row.description_folded, row.words = _folded(product)
    row.updated_at, row.revision = product.updated_at, product.revision
    registration = product.registration
    row.registration_state, row.registration_since = registration.state.value, registration.since
    row.registration_detail, row.submitted_at = registration.detail, registration.submitted_at


def _folded(product: Product) -> tuple[str, str, str]:
    """Return the texts by which lists sort names and find products: the name, the description, their words."""
    found = " ".join(words(f"{product.name} {product.description}"))
    return name_key(product.name), fold(product.description), found


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
