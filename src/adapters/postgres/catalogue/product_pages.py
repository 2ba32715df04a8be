"""Pages of products by key: every order is an index, read from behind the last product of the page before.

The driver executes the statement: lists are the second of the hot reads.
"""

from collections.abc import Mapping
from enum import Enum, auto
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Integer,
    Select,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    null,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from adapters.postgres.catalogue.product_filters import CONDITIONS, OF_INSIGHT, OF_PRICES, wanted_values
from adapters.postgres.catalogue.product_json import PRODUCTS, as_json, json_object, product_fields, time
from adapters.postgres.catalogue.rows import listed_price, product
from adapters.postgres.driver_query import DriverQuery, placeholder
from adapters.postgres.prices.tables import insight
from application.catalogue.listing import ChangePeriod, PagePosition, ProductFilter, ProductOrder, SortKey

_ONE: ColumnElement[int] = literal_column("1", Integer)
_LIMIT: ColumnElement[int] = literal_column(placeholder("limit"), Integer)
# One more than asked for tells whether there are more.
_LIMIT_AND_ONE: ColumnElement[int] = literal_column(placeholder("limit_and_one"), Integer)

Statement = Select[Any] | CompoundSelect[Any]

_after_id = bindparam("after_id", type_=Uuid)
_BY_CHANGE = PRODUCTS.join(insight, insight.c.product_id == product.c.id)
_BY_PRICE = PRODUCTS.join(listed_price, listed_price.c.product_id == product.c.id)
_KEYS: dict[SortKey, tuple[Select[Any], Column[Any], Column[Any]]] = {
    SortKey.NAME: (PRODUCTS, product.c.name_folded, product.c.id),
    SortKey.PRICE: (_BY_PRICE, listed_price.c.best_price, listed_price.c.product_id),
    SortKey.CHANGE_1D: (_BY_CHANGE, insight.c.change_1d, insight.c.product_id),
    SortKey.CHANGE_7D: (_BY_CHANGE, insight.c.change_7d, insight.c.product_id),
    SortKey.CREATED_AT: (PRODUCTS, product.c.created_at, product.c.id),
}


_CHANGES = {
    ChangePeriod.DAY: (insight.c.change_1d, insight.c.change_percent_1d),
    ChangePeriod.WEEK: (insight.c.change_7d, insight.c.change_percent_7d),
}


class _From(Enum):
    """Where a page begins: at the first product, behind a product with a key, or behind one whose key is null."""

    START = auto()
    KEY = auto()
    NULL = auto()


def page_query(
    order: ProductOrder, limit: int, after: PagePosition | None, wanted: ProductFilter, change: ChangePeriod | None
) -> tuple[DriverQuery, Mapping[str, Any]]:
    """Return the query for a page behind `after`, and its parameters.

    Its one row has the products' `json`, the time of the `oldest` observation (null if one of them was never observed),
    and whether there are `more` behind the last product, whose position is `last_key` and `last_id`.
    """
    values = wanted_values(wanted)
    parameters: dict[str, Any] = dict(values)
    begin = _From.START
    if after is not None:
        begin = _From.NULL if after.key is None else _From.KEY
        parameters |= {"after_id": after.id, "after_key": after.key}
    return _query(order, begin, frozenset(values), change).with_numbers(
        limit=limit, limit_and_one=limit + 1
    ), parameters


# The limit is written into the statement. As a parameter it makes PostgreSQL plan every page anew, which takes longer
# than the read: the planner estimates each such plan to be cheaper than a generic one.
@cache
def _query(order: ProductOrder, begin: _From, filters: frozenset[str], change: ChangePeriod | None) -> DriverQuery:
    page = _statement(order, begin, filters, change).subquery("page")
    row = select(page, func.row_number().over().label("place")).subquery("row")
    json, shown = as_json(row, [*product_fields(row), _change(row, change)])
    place, observed_at = row.c.place, row.c.observed_at
    in_page = place <= _LIMIT
    items = func.string_agg(json, aggregate_order_by(literal_column("','"), place.asc()))
    all_observed = func.bool_and(observed_at.is_not(None)).filter(in_page)
    last_first = (aggregate_order_by(column, place.desc()) for column in (row.c.sort_key, row.c.id))
    last_key, last_id = (func.array_agg(column).filter(in_page)[_ONE] for column in last_first)
    columns = {
        "json": items.filter(in_page),
        "oldest": case((all_observed, func.min(observed_at).filter(in_page))),
        "more": func.count() > _LIMIT,
        "last_key": last_key,
        "last_id": last_id,
    }
    return DriverQuery.of(select(*(column.label(name) for name, column in columns.items())).join(shown, true()))


def _statement(order: ProductOrder, begin: _From, filters: frozenset[str], change: ChangePeriod | None) -> Statement:
    products, key, id = _KEYS[order.key]
    if key.table is not insight and (change is not None or filters & OF_INSIGHT):
        products = products.outerjoin(insight, insight.c.product_id == product.c.id)
    if filters & OF_PRICES and order.key is not SortKey.PRICE:
        products = products.join(listed_price, listed_price.c.product_id == product.c.id)
    if change is not None:
        products = products.add_columns(*_CHANGES[change], insight.c.changes_as_of)
    chosen = products.add_columns(key.label("sort_key")).where(*(CONDITIONS[name] for name in sorted(filters)))
    walk = chosen.order_by(_in(order, key), _in(order, id)).limit(_LIMIT_AND_ONE)
    keyed = walk
    if begin is _From.KEY:
        keyed = walk.where(_behind(order, tuple_(key, id), tuple_(bindparam("after_key", type_=key.type), _after_id)))
    if not key.nullable:
        return keyed
    # Ordered by the key too, although it is null: otherwise PostgreSQL would not see that the index has this order.
    nulls = walk.where(key.is_(None))
    if begin is _From.NULL:
        return nulls.where(_behind(order, id, _after_id))
    # Two walks of the same index; the second begins only if the first does not fill the page.
    keyed = keyed.where(key.is_not(None))
    return union_all(select(keyed.subquery()), select(nulls.subquery())).limit(_LIMIT_AND_ONE)


def _change(row: FromClause, change: ChangePeriod | None) -> ColumnElement[Any]:
    """Return the ListedChangeView of a row of the page."""
    if change is None:
        return null().label("change")
    amount, percent = (row.c[column.name] for column in _CHANGES[change])
    as_of = row.c.changes_as_of
    view = json_object(
        period=literal_column(f"'{change.value}'"), change=amount, change_percent=percent, as_of=time(as_of)
    )
    return case((and_(amount.is_not(None), as_of.is_not(None)), view)).label("change")


def _in(order: ProductOrder, column: ColumnElement[Any]) -> ColumnElement[Any]:
    return column.desc() if order.descending else column.asc()


def _behind(order: ProductOrder, one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[bool]:
    return one < other if order.descending else one > other
