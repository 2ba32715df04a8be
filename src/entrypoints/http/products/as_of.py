"""Reads of a past time: `at` in queries, the places for such reads, and how long their answers may be kept."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import QueryParameter
from litestar.response.base import ASGIResponse

from application.catalogue.as_of import (
    BestOfferAsOfView,
    OfferAsOfView,
    OffersAsOfView,
    ProductAsOf,
    ProductAsOfView,
    ProductDetailAsOfView,
    ReadCatalogueAsOf,
    SliceAsOf,
)
from application.catalogue.listing import PagePosition, ProductFilter, ProductOrder
from application.catalogue.views import OffersView, ProductDetailView
from entrypoints.http.conditional_reads import ENCODER, answer_read
from entrypoints.http.products import examples
from entrypoints.http.products.catalogue import Catalogue
from entrypoints.http.route_declarations import Place, Rule, answers
from entrypoints.http.times import read_at

IMMUTABLE = "public, max-age=86400, immutable"


At = Annotated[
    str | None,
    QueryParameter(
        description="A past time, RFC 3339 with a zone: offers, prices and stock are as they were then, and the answer "
        "has `as_of`. Name, description, revision and registration are today's. A time of which the offers' prices are "
        "no longer kept is refused with `beyond-retention`.",
        schema_extra={"format": "date-time"},
    ),
    Rule(read_at),
]


_AS_OF = examples.CREATED_AT + timedelta(minutes=5)
_OFFERS_AS_OF = [
    OfferAsOfView(each.id, each.price + 300, None, first_seen_at=examples.CREATED_AT, changed_at=examples.CREATED_AT)
    for each in examples.OFFERS_SHOWN
]
_PRODUCT_AS_OF = ProductAsOfView(
    id=examples.PRESENT.id,
    name=examples.PRESENT.name,
    description=examples.PRESENT.description,
    created_at=examples.PRESENT.created_at,
    updated_at=examples.PRESENT.updated_at,
    revision=examples.PRESENT.revision,
    registration=examples.PRESENT.registration,
    best_offer=BestOfferAsOfView(_OFFERS_AS_OF[0].id, _OFFERS_AS_OF[0].price),
    offers_in_stock=2,
    observed_at=examples.CREATED_AT,
    stale=False,
    as_of=_AS_OF,
)
DETAIL = answers(
    ProductDetailAsOfView | ProductDetailView,
    "The product with its offers",
    {
        "Now": msgspec.to_builtins(examples.PRESENT) | {"offers": examples.OFFERS_SHOWN},
        "As of a past time": msgspec.to_builtins(_PRODUCT_AS_OF) | {"offers": _OFFERS_AS_OF},
    },
)
OFFERS = answers(
    OffersAsOfView | OffersView,
    "The offers",
    {
        "Now": OffersView(examples.OFFERS_SHOWN, examples.OBSERVED_AT, stale=False),
        "As of a past time": OffersAsOfView(_OFFERS_AS_OF, examples.CREATED_AT, stale=False, as_of=_AS_OF),
    },
)


def page_answer(model: Any) -> ResponseSpec:
    """Describe a page of products."""
    product = msgspec.to_builtins(examples.PRESENT)
    cursor = "k60tY3JlYXRlZF9hdNf_…"
    return answers(
        model,
        "One page",
        {
            "One page": {"items": [product | {"change": None}], "next": cursor},
            "Sorted by change": {"items": [product | {"change": examples.CHANGE}], "next": cursor},
            "As of a past time": {
                "items": [msgspec.to_builtins(_PRODUCT_AS_OF) | {"change": None}],
                "next": cursor,
                "as_of": _AS_OF,
            },
        },
    )


@dataclass(frozen=True, slots=True)
class Past:
    """Reads of a past time, each in a place of those that sum history: it may read a day of an offer-rich product."""

    read: ReadCatalogueAsOf
    place_of: Callable[[Request[Any, Any, Any]], Place]

    async def product(
        self, request: Request[Any, Any, Any], product_id: UUID, at: str, *, sold_out_too: bool
    ) -> ProductAsOf:
        """Return a product; raises as `ReadCatalogueAsOf`, and QueueFull."""
        async with self.place_of(request):
            return await self.read.product(product_id, read_at(at), sold_out_too=sold_out_too)

    async def products(
        self,
        request: Request[Any, Any, Any],
        at: datetime,
        limit: int,
        order: ProductOrder,
        after: PagePosition | None,
        wanted: ProductFilter,
    ) -> SliceAsOf:
        """Return a page of products; raises as `ReadCatalogueAsOf`, and QueueFull."""
        async with self.place_of(request):
            return await self.read.products(at, limit, order, after, wanted)


@dataclass(frozen=True, slots=True)
class ProductReads:
    """Reads of single products, as they are and as they were."""

    catalogue: Catalogue
    past: Past


def offers_of(found: ProductAsOf) -> OffersAsOfView:
    """Show the offers of a product alone."""
    view = found.view
    return OffersAsOfView(view.offers, view.observed_at, view.stale, view.as_of)


def answer_past(
    request: Request[Any, Any, Any], view: object, *, final: bool, max_age: int, headers: dict[str, str] | None = None
) -> ASGIResponse:
    """Answer with a view of the past, or with 304; unless it is final it may be kept for `max_age` seconds."""
    kept = {"Cache-Control": IMMUTABLE} if final else {}
    return answer_read(request, ENCODER.encode(view), max_age=max_age, headers=kept | (headers or {}))
