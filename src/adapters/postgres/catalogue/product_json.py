"""Products as PostgreSQL encodes them: the JSON of the catalogue's views, so that Python touches no field."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    FromClause,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    false,
    func,
    literal_column,
    or_,
    select,
    true,
)

from adapters.postgres.catalogue.rows import product
from adapters.postgres.synchronisation.rows import offer, synchronisation
from application.catalogue.views import Encoded, Version

_RFC_3339: ColumnElement[str] = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'""")
_NOW = func.now()
_NO_OFFERS: ColumnElement[Any] = literal_column("'[]'::json")


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
        func.coalesce(or_(synchronisation.c.known_until < _NOW, synchronisation.c.observed_at > _NOW), false()).label(
            "stale"
        ),
    )
    .join(synchronisation, synchronisation.c.product_id == product.c.id)
    .where(product.c.withdrawn_at.is_(None))
)

# Behind a subquery, which hides the number of ids from PostgreSQL: it would plan anew for every number.
_IDS: ColumnElement[Any] = cast(select(bindparam("ids", type_=ARRAY(Uuid))).scalar_subquery(), ARRAY(Uuid))
HAS_ID: ColumnElement[bool] = product.c.id == any_(_IDS)
"""The condition that a product has one of the `ids`, which PostgreSQL looks up by the primary key."""
FOUND = PRODUCTS.where(HAS_ID).subquery("found")
VERSION = (FOUND.c.id, FOUND.c.revision, FOUND.c.observed_at, FOUND.c.stale)


def time(moment: ColumnElement[Any]) -> ColumnElement[str]:
    """Write a time in UTC, the zone of all our connections."""
    return func.to_char(moment, _RFC_3339)


def product_fields(row: FromClause) -> list[ColumnElement[Any]]:
    """Return the fields of ProductView, in their order, from a row of PRODUCTS."""
    registration = json_object(
        state=row.c.registration_state, since=time(row.c.registration_since), detail=row.c.registration_detail
    )
    best = json_object(id=row.c.best_offer_id, price=row.c.best_price, items_in_stock=row.c.best_offer_items_in_stock)
    return [
        row.c.id,
        row.c.name,
        row.c.description,
        time(row.c.created_at).label("created_at"),
        time(row.c.updated_at).label("updated_at"),
        row.c.revision,
        registration.label("registration"),
        case((row.c.best_offer_id.is_not(None), best)).label("best_offer"),
        row.c.offers_in_stock,
        time(row.c.observed_at).label("observed_at"),
        row.c.stale,
    ]


def offers_of(row: FromClause, *shown: ColumnElement[bool]) -> ColumnElement[Any]:
    """Return the OfferViews of a row's product that pass one of the conditions, cheapest first, sold-out ones last."""
    each = (
        select(
            offer.c.id,
            offer.c.price,
            offer.c.items_in_stock,
            time(offer.c.first_seen_at).label("first_seen_at"),
            time(offer.c.changed_at).label("changed_at"),
        )
        .where(offer.c.product_id == row.c.id, or_(*shown))
        .order_by(offer.c.sold_out_at.is_not(None), offer.c.price, offer.c.id)
        .correlate(row)
        .lateral("each_offer")
    )
    return func.coalesce(select(func.json_agg(each.table_valued())).scalar_subquery(), _NO_OFFERS)


def as_json(row: FromClause, fields: Sequence[ColumnElement[Any]]) -> tuple[ColumnElement[Any], FromClause]:
    """Return the labelled fields of a row as a JSON object, and the subquery to join the row with for it."""
    shown = select(*fields).correlate(row).lateral("shown")
    # As text, which the driver returns as it is.
    return cast(func.row_to_json(shown.table_valued()), Text).label("json"), shown


def with_json(fields: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """Return the statement that reads version and JSON of the products in FOUND, for `to_encoded`."""
    json, shown = as_json(FOUND, fields)
    return select(*VERSION, json).join(shown, true())


def to_version(row: Any) -> Version:
    """Read the version of a row of VERSION."""
    return Version(row[1], row[2], row[3])


def to_encoded(row: Any) -> Encoded[Any]:
    """Read a row of `with_json`."""
    return Encoded(row[4].encode(), to_version(row))


def json_object(**fields: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the fields as a JSON object."""
    pairs = [part for name, value in fields.items() for part in (literal_column(f"'{name}'"), value)]
    return func.json_build_object(*pairs)


PRODUCT_JSON = with_json(product_fields(FOUND))
