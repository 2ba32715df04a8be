"""Pages of products by key: every order is one index, read from behind the last page's last product."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    Uuid,
    bindparam,
    false,
    func,
    select,
    tuple_,
    union_all,
)

from adapters.postgres.tables import insight, product, synchronisation
from application.listing import PagePosition, ProductOrder, SortKey

PRODUCTS = (
    select(
        product.c.id,
        product.c.name,
        product.c.description,
        product.c.created_at,
        product.c.updated_at,
        product.c.revision,
        product.c.registration_state,
        product.c.registration_since,
        product.c.registration_detail,
        synchronisation.c.best_offer_id,
        synchronisation.c.best_price,
        synchronisation.c.best_offer_items_in_stock,
        synchronisation.c.offers_in_stock,
        synchronisation.c.observed_at,
        func.coalesce(synchronisation.c.known_until < func.now(), false()).label("stale"),
    )
    .join(synchronisation, synchronisation.c.product_id == product.c.id)
    .where(product.c.withdrawn_at.is_(None))
)

Statement = Select[Any] | CompoundSelect[Any]

_limit = bindparam("limit", type_=Integer)
_after_id = bindparam("after_id", type_=Uuid)
_WITH_INSIGHT = PRODUCTS.join(insight, insight.c.product_id == product.c.id)
_KEYS: dict[SortKey, tuple[Select[Any], Column[Any], Column[Any]]] = {
    SortKey.CREATED_AT: (PRODUCTS, product.c.created_at, product.c.id),
    SortKey.CHANGE_1D: (_WITH_INSIGHT, insight.c.change_1d, insight.c.product_id),
    SortKey.CHANGE_7D: (_WITH_INSIGHT, insight.c.change_7d, insight.c.product_id),
}


def page_statement(order: ProductOrder, limit: int, after: PagePosition | None) -> tuple[Statement, Mapping[str, Any]]:
    """Return the statement for a page behind `after`, whose rows have a `sort_key`, and its parameters."""
    parameters: dict[str, Any] = {"limit": limit}
    if after is None:
        return _FIRST[order], parameters
    parameters["after_id"] = after.id
    if after.key is None:
        return _AFTER_NULL[order], parameters
    return _AFTER[order], parameters | {"after_key": after.key}


def _first(order: ProductOrder) -> Statement:
    return _with_nulls(order, _keyed(order))


def _after(order: ProductOrder) -> Statement:
    _, key, id = _KEYS[order.key]
    position = tuple_(bindparam("after_key", type_=key.type), _after_id)
    return _with_nulls(order, _keyed(order).where(_behind(order, tuple_(key, id), position)))


def _after_null(order: ProductOrder) -> Statement:
    _, _, id = _KEYS[order.key]
    return _nulls(order).where(_behind(order, id, _after_id))


def _keyed(order: ProductOrder) -> Select[Any]:
    products, key, _ = _KEYS[order.key]
    found = products.add_columns(key.label("sort_key")).order_by(*_by(order)).limit(_limit)
    return found.where(key.is_not(None)) if key.nullable else found


def _nulls(order: ProductOrder) -> Select[Any]:
    # By the key too, though it is null in all of them: only so PostgreSQL knows that the index has them in order.
    products, key, _ = _KEYS[order.key]
    return products.add_columns(key.label("sort_key")).where(key.is_(None)).order_by(*_by(order)).limit(_limit)


def _with_nulls(order: ProductOrder, keyed: Select[Any]) -> Statement:
    # Two walks of the same index; the second is begun only if the first does not fill the page.
    if not _KEYS[order.key][1].nullable:
        return keyed
    return union_all(select(keyed.subquery()), select(_nulls(order).subquery())).limit(_limit)


def _by(order: ProductOrder) -> list[ColumnElement[Any]]:
    _, *columns = _KEYS[order.key]
    return [column.desc() if order.descending else column.asc() for column in columns]


def _behind(order: ProductOrder, one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[bool]:
    return one < other if order.descending else one > other


_ORDERS = [ProductOrder(key, descending) for key in SortKey for descending in (False, True)]
_FIRST = {order: _first(order) for order in _ORDERS}
_AFTER = {order: _after(order) for order in _ORDERS}
_AFTER_NULL = {order: _after_null(order) for order in _ORDERS if _KEYS[order.key][1].nullable}
