"""The product repository on PostgreSQL. A withdrawn product keeps its row, and so its id, until it is purged."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Row,
    Text,
    Uuid,
    any_,
    bindparam,
    delete,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.sql.dml import ReturningInsert

from adapters.postgres.bulk import arrays, unnested
from adapters.postgres.connection import Connection
from adapters.postgres.derived_tables import insight
from adapters.postgres.tables import product, synchronisation
from domain.errors import ProductNotFound
from domain.product import Product, Registration, RegistrationState
from domain.text import fold, sort_key, words
from domain.window import BucketWidth


def _vector(words: ColumnElement[str]) -> ColumnElement[Any]:
    # From an array, because PostgreSQL's parser would find other words in a text.
    return func.array_to_tsvector(func.string_to_array(words, " "))


_WRITTEN = [column for column in product.columns if column not in (product.c.withdrawn_at, product.c.words)]
_COLUMNS = [column for column in _WRITTEN if column not in (product.c.name_folded, product.c.description_folded)]
_SENT = [*_WRITTEN, Column("words_found", Text)]
_NEW = unnested(*_SENT)
_INSERT = insert(product).from_select(
    [*_WRITTEN, product.c.words],
    select(*(_NEW.c[column.name] for column in _WRITTEN), _vector(_NEW.c.words_found)),
)


def _with_rows_beside(inserting: Insert) -> ReturningInsert[Any]:
    """All three rows by one statement, because each takes longer on the way than in the database."""
    added = inserting.returning(product.c.id, product.c.created_at).cte("added")
    insights = select(added.c.id, bindparam("rolled_until", type_=insight.c.rolled_until.type))
    states = select(added.c.id, added.c.created_at, literal(0), literal(0))
    columns = synchronisation.c
    return (
        insert(synchronisation)
        .from_select(
            [columns.product_id, columns.not_before, columns.consecutive_failures, columns.offers_in_stock], states
        )
        .add_cte(insert(insight).from_select([insight.c.product_id, insight.c.rolled_until], insights).cte("insights"))
        .returning(columns.product_id)
    )


_ADD = _with_rows_beside(_INSERT)
_ADD_FREE = _with_rows_beside(_INSERT.on_conflict_do_nothing())
_LOCK = (
    select(*_COLUMNS)
    .where(product.c.id == any_(bindparam("ids", type_=ARRAY(Uuid))), product.c.withdrawn_at.is_(None))
    .order_by(product.c.id)
    .with_for_update()
)
_UPDATE = (
    update(product)
    .where(product.c.id == _NEW.c.id)
    .values({column.name: _NEW.c[column.name] for column in _WRITTEN if column is not product.c.id})
    .values(words=_vector(_NEW.c.words_found))
)
_WITHDRAW = update(product).where(product.c.id == bindparam("product_id")).values(withdrawn_at=func.now())
_DROP_SYNCHRONISATION = delete(synchronisation).where(synchronisation.c.product_id == bindparam("product_id"))


class SqlAlchemyProductRepository:
    """Products as rows of `product`, each with a row of `synchronisation` and one of `insight` beside it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, product: Product) -> None:
        await self._connection.execute(_ADD, _to_parameters([product]))

    async def add_free(self, products: Sequence[Product]) -> Sequence[bool]:
        of_each_id: dict[UUID, Product] = {}
        for each in products:
            of_each_id.setdefault(each.id, each)
        # In one order, so that two of these do not wait for each other's names.
        in_order = sorted(of_each_id.values(), key=lambda each: each.name)
        rows = await self._connection.execute(_ADD_FREE, _to_parameters(in_order))
        added = {product_id for (product_id,) in rows}
        return [each.id in added and of_each_id[each.id] is each for each in products]

    async def get(self, product_id: UUID) -> Product:
        for found in await self.list([product_id]):
            return found
        raise ProductNotFound(product_id)

    async def list(self, product_ids: Collection[UUID]) -> list[Product]:
        if not product_ids:
            return []
        return [_to_product(row) for row in await self._connection.execute(_LOCK, {"ids": list(product_ids)})]

    async def save(self, *products: Product) -> None:
        if products:
            await self._connection.execute(_UPDATE, _to_arrays(products))

    async def remove(self, product: Product) -> None:
        await self._connection.execute(_WITHDRAW, {"product_id": product.id})
        # Whoever observes the product at this moment holds that row, or finds it gone.
        await self._connection.execute(_DROP_SYNCHRONISATION, {"product_id": product.id})


def _to_parameters(new_products: Sequence[Product]) -> dict[str, Any]:
    # A day early, because whoever observes them goes by another clock.
    rolled_until = BucketWidth.DAY.floor(min(each.created_at for each in new_products)) - BucketWidth.DAY.length
    return _to_arrays(new_products) | {"rolled_until": rolled_until}


def _to_arrays(products: Sequence[Product]) -> dict[str, list[Any]]:
    rows = [_to_row(product) for product in products]
    return arrays(_SENT, [tuple(row[column.name] for column in _SENT) for row in rows])


def _to_row(product: Product) -> dict[str, Any]:
    return {
        "id": product.id,
        "name": product.name,
        "description": product.description,
        "name_folded": sort_key(product.name),
        "description_folded": fold(product.description),
        "words_found": " ".join(words(f"{product.name} {product.description}")),
        "created_at": product.created_at,
        "updated_at": product.updated_at,
        "revision": product.revision,
        "registration_state": product.registration.state.value,
        "registration_since": product.registration.since,
        "registration_detail": product.registration.detail,
        "submitted_at": product.registration.submitted_at,
    }


def _to_product(row: Row[Any]) -> Product:
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
