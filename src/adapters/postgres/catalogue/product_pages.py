"""Pages of products by key: every order is an index, read from behind the last product of the page before.

A search has two statements, each bounded whatever its words. The first looks through a few products in the order of the
list, which fills the page if the words are common. Otherwise the second finds all matches by the index of words, and
sorts them. PostgreSQL can't choose between the two: it can estimate neither the number of products that match prefixes
nor the cost of reading the words of a long description (docs/adr/0023). A list of chosen ids has one statement, which
finds them by the primary key, and sorts them.

The driver executes the statements: lists are the second of the hot reads.
"""

from collections.abc import Callable, Iterable, Mapping
from enum import Enum, auto
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    CompoundSelect,
    FromClause,
    Integer,
    Select,
    UnaryExpression,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from adapters.postgres.catalogue.product_filters import (
    WORDS_BY_INDEX,
    filtered,
    has_words,
    wanted_values,
)
from adapters.postgres.catalogue.product_json import HAS_ID, PRODUCTS, as_json, json_object, product_fields, time
from adapters.postgres.catalogue.rows import listed_price, product
from adapters.postgres.driver_query import DriverQuery, placeholder
from adapters.postgres.prices.tables import insight
from application.catalogue.listing import ChangePeriod, PagePosition, ProductFilter, ProductOrder, SortKey

_ONE: ColumnElement[int] = literal_column("1", Integer)
_LIMIT: ColumnElement[int] = literal_column(placeholder("limit"), Integer)
# One more than requested shows whether there are more.
_LIMIT_AND_ONE: ColumnElement[int] = literal_column(placeholder("limit_and_one"), Integer)

NEAR = 500
"""Products that the first statement of a search looks through."""

Statement = Select[Any] | CompoundSelect[Any]

_after_id = bindparam("after_id", type_=Uuid)
# Without `synchronisation`, which the page alone needs: a common word has very many entries.
_ENTRIES: Select[Any] = select(product.c.id.label("id")).where(product.c.withdrawn_at.is_(None))
_KEYS: dict[SortKey, tuple[Column[Any], Column[Any]]] = {
    SortKey.NAME: (product.c.name_folded, product.c.id),
    SortKey.PRICE: (listed_price.c.best_price, listed_price.c.product_id),
    SortKey.CHANGE_1D: (insight.c.change_1d, insight.c.product_id),
    SortKey.CHANGE_7D: (insight.c.change_7d, insight.c.product_id),
    SortKey.CREATED_AT: (product.c.created_at, product.c.id),
}
_NULLABLE = frozenset(sort for sort, (key, _) in _KEYS.items() if key.nullable)
_CHANGES = {
    ChangePeriod.DAY: (insight.c.change_1d, insight.c.change_percent_1d),
    ChangePeriod.WEEK: (insight.c.change_7d, insight.c.change_percent_7d),
}


class _From(Enum):
    """Where a page begins: at the first product, behind a product with a key, or behind one whose key is null."""

    START = auto()
    KEY = auto()
    NULL = auto()


_MakeStatement = Callable[[ProductOrder, _From, frozenset[str]], Statement]


def page_queries(
    order: ProductOrder, limit: int, after: PagePosition | None, wanted: ProductFilter, change: ChangePeriod | None
) -> tuple[DriverQuery, DriverQuery | None, Mapping[str, Any]]:
    """Return the query for a page behind `after`, a second one for when that finds no `more`, and their parameters.

    The one row of each has the products' `json`, the time of the `oldest` observation (null if one of them was never
    observed), and whether there are `more` behind the last product, whose position is `last_key` and `last_id`.
    """
    values = wanted_values(wanted)
    parameters: dict[str, Any] = dict(values)
    begin = _From.START
    if after is not None:
        begin = _From.NULL if after.key is None else _From.KEY
        parameters |= {"after_id": after.id, "after_key": after.key}

    def query(statement: _MakeStatement) -> DriverQuery:
        made = _query(statement, order, begin, frozenset(values), change)
        return made.with_numbers(limit=limit, limit_and_one=limit + 1)

    if wanted.ids:
        return query(_chosen), None, parameters
    return (query(_near), query(_matching), parameters) if wanted.words else (query(_walk), None, parameters)


# The limit is written into the statement. As a parameter it makes PostgreSQL plan every page anew, which takes longer
# than the read: the planner estimates each such plan to be cheaper than a generic one.
@lru_cache(maxsize=1_000)
def _query(
    statement: _MakeStatement, order: ProductOrder, begin: _From, filters: frozenset[str], change: ChangePeriod | None
) -> DriverQuery:
    page = statement(order, begin, filters).subquery("page")
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


def _walk(order: ProductOrder, begin: _From, filters: frozenset[str]) -> Statement:
    """Read the index of the order until the page is full."""
    key, id = _KEYS[order.key]
    chosen = filtered(PRODUCTS, filters, key).add_columns(key.label("sort_key"))
    return _in_order(chosen, order, begin, key, id, _LIMIT_AND_ONE)


def _near(order: ProductOrder, begin: _From, filters: frozenset[str]) -> Statement:
    """Read `NEAR` entries of the index of the order, and look which of them match."""
    key, id = _KEYS[order.key]
    entries = filtered(_ENTRIES, frozenset(), key).add_columns(key.label("sort_key"), product.c.words)
    near = _in_order(entries, order, begin, key, id, literal_column(str(NEAR), Integer)).subquery("near")
    matching = PRODUCTS.join(near, near.c.id == product.c.id).add_columns(near.c.sort_key)
    # The words of `near`, for which there is no index.
    return _sorted(filtered(matching, filters).where(has_words(near.c.words)), order, near)


def _matching(order: ProductOrder, begin: _From, filters: frozenset[str]) -> Statement:
    """Find all that match by the index of words, and sort them."""
    return _found(order, begin, filters, WORDS_BY_INDEX)


def _chosen(order: ProductOrder, begin: _From, filters: frozenset[str]) -> Statement:
    """Find the products with the wanted ids by the primary key, and sort those that pass the other filters."""
    # The few words are read, and not looked up: an index would find all products that match.
    return _found(order, begin, filters, HAS_ID, *([has_words(product.c.words)] if "words" in filters else []))


def _found(order: ProductOrder, begin: _From, filters: frozenset[str], *conditions: ColumnElement[bool]) -> Statement:
    key, _ = _KEYS[order.key]
    entries = filtered(_ENTRIES, filters, key).where(*conditions).add_columns(key.label("sort_key"))
    # OFFSET 0 keeps PostgreSQL from walking the index of the order instead: it does not move a limit, an order or a
    # condition into such a subquery.
    found = entries.offset(literal_column("0", Integer)).subquery("found")
    chosen = select(found)
    if begin is not _From.START:
        chosen = chosen.where(_after(order, begin, key, found))
    first = _sorted(chosen, order, found).subquery("first")
    return (
        PRODUCTS.join(first, first.c.id == product.c.id)
        .add_columns(first.c.sort_key)
        .order_by(*_orders(order, first.c.sort_key, first.c.id))
    )


def _in_order(
    chosen: Select[Any], order: ProductOrder, begin: _From, key: Column[Any], id: Column[Any], limit: ColumnElement[int]
) -> Statement:
    """Read the chosen products in the order of an index, from behind the beginning."""
    walk = chosen.order_by(_in(order, key), _in(order, id)).limit(limit)
    keyed = walk
    if begin is _From.KEY:
        keyed = walk.where(_behind(order, tuple_(key, id), _position(key)))
    if not key.nullable:
        return keyed
    # Ordered by the key too, although it is null: otherwise PostgreSQL would not see that the index has this order.
    nulls = walk.where(key.is_(None))
    if begin is _From.NULL:
        return nulls.where(_behind(order, id, _after_id))
    # Two walks of the same index; the second begins only if the first does not fill the page.
    keyed = keyed.where(key.is_not(None))
    return union_all(select(keyed.subquery()), select(nulls.subquery())).limit(limit)


def _change(row: FromClause, change: ChangePeriod | None) -> ColumnElement[Any]:
    """Return the ListedChangeView of a row of the page."""
    if change is None:
        return null().label("change")
    amount, percent = _CHANGES[change]
    as_of = insight.c.changes_as_of
    view = json_object(
        period=literal_column(f"'{change.value}'"), change=amount, change_percent=percent, as_of=time(as_of)
    )
    known = select(view).where(insight.c.product_id == row.c.id, amount.is_not(None), as_of.is_not(None))
    return known.correlate(row).scalar_subquery().label("change")


def _sorted(chosen: Select[Any], order: ProductOrder, of: FromClause) -> Select[Any]:
    return chosen.order_by(*_orders(order, of.c.sort_key, of.c.id)).limit(_LIMIT_AND_ONE)


def _orders(order: ProductOrder, key: ColumnElement[Any], id: ColumnElement[Any]) -> Iterable[ColumnElement[Any]]:
    return (_in(order, key).nulls_last() if order.key in _NULLABLE else _in(order, key), _in(order, id))


def _after(order: ProductOrder, begin: _From, key: Column[Any], found: FromClause) -> ColumnElement[bool]:
    if begin is _From.NULL:
        return and_(found.c.sort_key.is_(None), _behind(order, found.c.id, _after_id))
    behind = _behind(order, tuple_(found.c.sort_key, found.c.id), _position(key))
    return or_(behind, found.c.sort_key.is_(None)) if key.nullable else behind


def _position(key: Column[Any]) -> ColumnElement[Any]:
    return tuple_(bindparam("after_key", type_=key.type), _after_id)


def _in(order: ProductOrder, column: ColumnElement[Any]) -> UnaryExpression[Any]:
    return column.desc() if order.descending else column.asc()


def _behind(order: ProductOrder, one: ColumnElement[Any], other: ColumnElement[Any]) -> ColumnElement[bool]:
    return one < other if order.descending else one > other
