"""Products as PostgreSQL writes them: the JSON of the catalogue views, so that no field passes through us."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Text, case, cast, func, literal_column, or_, select

from adapters.postgres.tables import offer

_RFC_3339: ColumnElement[str] = literal_column("""'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'""")
_NO_OFFERS: ColumnElement[Any] = literal_column("'[]'::json")


def time(moment: ColumnElement[Any]) -> ColumnElement[str]:
    """Write a time in UTC, which is the zone of all our connections."""
    return func.to_char(moment, _RFC_3339)


def product_fields(row: FromClause) -> list[ColumnElement[Any]]:
    """Return the fields of ProductView, in their order, from a row of PRODUCTS."""
    registration = _object(
        state=row.c.registration_state, since=time(row.c.registration_since), detail=row.c.registration_detail
    )
    best = _object(id=row.c.best_offer_id, price=row.c.best_price, items_in_stock=row.c.best_offer_items_in_stock)
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
    """Return the OfferViews of the product in a row: those that are shown, cheapest first, sold out last."""
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
    """Return the JSON object of labelled fields of a row, and what the row is to be joined with for that."""
    shown = select(*fields).correlate(row).lateral("shown")
    # As text, which the driver hands on as it is.
    return cast(func.row_to_json(shown.table_valued()), Text).label("json"), shown


def _object(**fields: ColumnElement[Any]) -> ColumnElement[Any]:
    pairs = [part for name, value in fields.items() for part in (literal_column(f"'{name}'"), value)]
    return func.json_build_object(*pairs)
