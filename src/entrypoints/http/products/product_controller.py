"""Reads of single products over HTTP."""

from typing import Any

from litestar import Controller, Request, get
from litestar.response.base import ASGIResponse

from entrypoints.http.conditional_reads import NOT_MODIFIED, answer_read
from entrypoints.http.problems.problem_types import (
    BEYOND_RETENTION,
    PRODUCT_MISSING,
    UNAVAILABLE,
    VALIDATION,
    problems,
)
from entrypoints.http.products.as_of import DETAIL, OFFERS, At, ProductReads, answer_past, offers_of
from entrypoints.http.products.etags import etag, etag_with_content
from entrypoints.http.products.parameters import InStock, ProductId
from entrypoints.http.route_declarations import Declaration, Injected, declared

_READ = declared(Declaration(public=True, conditional=True))


class ProductController(Controller):
    """One product, read by everybody, as it is or as it was."""

    path = "/products"

    @get(
        "/{product_id:uuid}",
        operation_id="getProduct",
        tags=["catalogue"],
        summary="Read a product with its offers",
        opt=_READ,
        responses={200: DETAIL} | NOT_MODIFIED | problems(*PRODUCT_MISSING, VALIDATION, BEYOND_RETENTION, *UNAVAILABLE),
    )
    async def read(
        self,
        request: Request[Any, Any, Any],
        product_id: ProductId,
        reads: Injected[ProductReads],
        in_stock: InStock = None,
        at: At = None,
    ) -> ASGIResponse:
        """Read a product with its offers, cheapest first, as it is or as it was at a past time."""
        if at is not None:
            past = await reads.past.product(request, product_id, at, sold_out_too=in_stock == "any")
            max_age = reads.catalogue.freshness(past.last_observed_at)
            return answer_past(request, past.view, final=past.final, max_age=max_age)
        shown = await reads.catalogue.reader.detail(product_id, sold_out_too=in_stock == "any")
        # Sold-out offers leave the answer after a day, without an observation.
        tag = etag(shown.version) if in_stock is None else etag_with_content(shown.version, shown.json)
        return answer_read(request, shown.json, max_age=reads.catalogue.freshness(shown.version.observed_at), tag=tag)

    @get(
        "/{product_id:uuid}/offers",
        operation_id="listOffers",
        tags=["catalogue"],
        summary="Read the offers of a product",
        opt=_READ,
        responses={200: OFFERS} | NOT_MODIFIED | problems(*PRODUCT_MISSING, VALIDATION, BEYOND_RETENTION, *UNAVAILABLE),
    )
    async def offers(
        self,
        request: Request[Any, Any, Any],
        product_id: ProductId,
        reads: Injected[ProductReads],
        in_stock: InStock = None,
        at: At = None,
    ) -> ASGIResponse:
        """Read who offers the product, cheapest first, as one observation showed it or as it was at a past time."""
        if at is not None:
            past = await reads.past.product(request, product_id, at, sold_out_too=in_stock == "any")
            max_age = reads.catalogue.freshness(past.last_observed_at)
            return answer_past(request, offers_of(past), final=past.final, max_age=max_age)
        shown = await reads.catalogue.reader.offers(product_id, sold_out_too=in_stock == "any")
        return answer_read(request, shown.json, max_age=reads.catalogue.freshness(shown.version.observed_at))
