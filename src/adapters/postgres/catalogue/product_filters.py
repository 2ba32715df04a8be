"""Filters of product lists: one condition each, and the values that the conditions compare with."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, FromClause, Select, Text, bindparam, cast, func, or_, select
from sqlalchemy.dialects.postgresql import TSQUERY

from adapters.postgres.catalogue.rows import listed_price, product
from adapters.postgres.prices.tables import insight
from adapters.postgres.synchronisation.rows import synchronisation
from application.catalogue.listing import ProductFilter
from domain.product import RegistrationState

_state = product.c.registration_state

_words: ColumnElement[Any] = cast(bindparam("words", type_=Text), TSQUERY)

CONDITIONS: Mapping[str, ColumnElement[bool]] = {
    "in_stock": synchronisation.c.offers_in_stock > 0,
    "min_price": listed_price.c.best_price >= bindparam("min_price", type_=BigInteger),
    "max_price": listed_price.c.best_price <= bindparam("max_price", type_=BigInteger),
    "registration": _state == bindparam("registration", type_=Text),
    "attention": or_(
        _state == RegistrationState.REJECTED.value,
        _state == RegistrationState.CONFLICT.value,
        synchronisation.c.consecutive_failures > 0,
        synchronisation.c.refused_rows > 0,
    ),
    "dropped": insight.c.change_1d < 0,
    "at_low": listed_price.c.best_price <= insight.c.low_7d,
    "stale": synchronisation.c.known_until < func.now(),
}
"""The conditions by the names of their filters, but for `words` and `ids`, which have indexes of their own."""

TABLES: Mapping[FromClause, frozenset[str]] = {
    synchronisation: frozenset({"in_stock", "attention", "stale"}),
    insight: frozenset({"dropped", "at_low"}),
    listed_price: frozenset({"min_price", "max_price", "at_low"}),
}
"""The tables beside `product`, with the filters that need each."""


def has_words(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a text vector has the wanted words."""
    return column.op("@@", is_comparison=True)(_words)


# Behind a subquery, which hides the words from PostgreSQL: where it takes them for common it would read every product.
WORDS_BY_INDEX: ColumnElement[bool] = product.c.words.op("@@", is_comparison=True)(select(_words).scalar_subquery())
"""The same for a statement that is to find products by the index of words."""


def filtered(products: Select[Any], filters: frozenset[str], key: Column[Any] | None = None) -> Select[Any]:
    """Apply the filters but for `words` and `ids`, and join the missing tables that they and the key need."""
    present = products.columns_clause_froms
    for table, names in TABLES.items():
        needed = filters & names or (key is not None and key.table is table)
        if needed and table not in present:
            products = products.join(table, table.c.product_id == product.c.id)
    return products.where(*(CONDITIONS[name] for name in sorted(filters - {"words", "ids"})))


def wanted_values(wanted: ProductFilter) -> dict[str, Any]:
    """Return the given filters by name, with the values that their conditions compare with."""
    values: dict[str, Any] = {
        # Words have letters, digits and marks only, so nothing in them is syntax of the query.
        "words": " & ".join(f"'{word}':*" for word in sorted(wanted.words)) or None,
        "ids": list(wanted.ids) or None,
        "in_stock": wanted.in_stock or None,
        "min_price": wanted.min_price,
        "max_price": wanted.max_price,
        "registration": wanted.registration and wanted.registration.value,
        "attention": wanted.attention or None,
        "dropped": wanted.dropped or None,
        "at_low": wanted.at_low or None,
        "stale": wanted.stale or None,
    }
    return {name: value for name, value in values.items() if value is not None}
