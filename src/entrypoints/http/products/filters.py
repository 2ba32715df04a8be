"""The filters of lists of products, in queries."""

from typing import Annotated, Literal
from uuid import UUID

from litestar.params import QueryParameter

from application.catalogue.listing import MOST_IDS, MOST_WORDS, ProductFilter, search_words
from domain.product import RegistrationState
from entrypoints.http.route_declarations import Rule


def _price_bound(which: str) -> QueryParameter:
    return QueryParameter(
        ge=0,
        le=2**63 - 1,
        description=f"The {which} best price; products without one are left out.",
        schema_extra={"minimum": 0},  # Litestar does not describe a bound of zero
    )


Ids = Annotated[
    list[UUID] | None,
    QueryParameter(
        name="id",
        max_items=MOST_IDS,
        description=f"Only the products with these ids, up to {MOST_IDS}: give the parameter once for each. Those that "
        "do not exist are left out.",
    ),
]
Search = Annotated[
    str | None,
    QueryParameter(
        max_length=200,
        description=f"1 to {MOST_WORDS} words. Each must begin a word of the name or the description; case and "
        "accents do not count.",
    ),
    Rule(search_words),
]
InStock = Annotated[Literal["true"] | None, QueryParameter(description="Only products that an offer has in stock.")]
MinPrice = Annotated[int | None, _price_bound("lowest")]
MaxPrice = Annotated[int | None, _price_bound("highest")]
Registration = Annotated[
    Literal["pending", "registered", "rejected", "conflict"] | None,
    QueryParameter(description="Only products whose registration with the Offers service is in this state."),
]
Attention = Annotated[
    Literal["true"] | None,
    QueryParameter(
        description="For admins, and for keys with the scope `synchronisation:read`: only products whose "
        "registration is rejected or in conflict, whose last attempt failed, or whose last observation had rows that "
        "could not be read."
    ),
]


def read_filter(
    ids: list[UUID] | None,
    q: str | None,
    in_stock: str | None,
    min_price: int | None,
    max_price: int | None,
    registration: str | None,
    attention: str | None,
) -> ProductFilter:
    """Read the filters of a query.

    Raises:
        InvalidFilter
    """
    return ProductFilter(
        words=frozenset() if q is None else search_words(q),
        ids=frozenset(ids or ()),
        in_stock=in_stock is not None,
        min_price=min_price,
        max_price=max_price,
        registration=RegistrationState(registration) if registration else None,
        attention=attention is not None,
    )
