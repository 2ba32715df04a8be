"""The export of products over HTTP: the whole catalogue, or the part that passes filters, as NDJSON or CSV."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, get
from litestar.params import QueryParameter
from litestar.response.base import ASGIResponse

from application.access.actor import Scope
from application.catalogue.export import CatalogueExport
from entrypoints.http.exports import product_lines
from entrypoints.http.exports.parameters import CSV, HEADERS, NDJSON, Raw
from entrypoints.http.exports.streaming import StreamedAnswer, Streams
from entrypoints.http.problems.problem_types import PROTECTED, UNAVAILABLE, VALIDATION, problems
from entrypoints.http.products.filters import (
    Attention,
    Ids,
    InStock,
    MaxPrice,
    MinPrice,
    Registration,
    Search,
    read_filter,
)
from entrypoints.http.route_declarations import Declaration, Injected, declared

After = Annotated[
    UUID | None,
    QueryParameter(description="Goes on behind this id. After an export was cut, give the id of its last whole line."),
]

_PROBLEMS = problems(*PROTECTED, VALIDATION, *UNAVAILABLE)


class ProductExportController(Controller):
    """Exports of products, for everybody, because the list shows the same to everybody.

    Each is one snapshot, streamed. One that can't be finished is cut, which clients notice: it lacks HTTP's end.
    """

    path = "/exports"
    tags = ("exports",)
    opt = declared(
        Declaration(
            public=True,
            scope=Scope.SYNCHRONISATION_READ,
            admin_parameters=frozenset({"attention"}),
            no_store=True,
            answer_headers=HEADERS,
        )
    )

    @get(
        "/products.ndjson",
        operation_id="exportProductsAsNdjson",
        summary="Export products as NDJSON",
        media_type=NDJSON,
        responses={200: product_lines.NDJSON_EXAMPLE} | _PROBLEMS,
    )
    async def products_as_ndjson(
        self,
        request: Request[Any, Any, Any],
        export_catalogue: Injected[CatalogueExport],
        streams: Injected[Streams],
        ids: Ids = None,
        q: Search = None,
        in_stock: InStock = None,
        min_price: MinPrice = None,
        max_price: MaxPrice = None,
        registration: Registration = None,
        attention: Attention = None,
        after: After = None,
    ) -> ASGIResponse:
        """Export the products that pass all filters in the order of their ids, each as JSON on a line of its own."""
        wanted = read_filter(ids, q, in_stock, min_price, max_price, registration, attention)
        return StreamedAnswer(
            request,
            streams,
            export_catalogue(wanted, after),
            product_lines.ndjson_of_products,
            file="products.ndjson",
            media_type=NDJSON,
        )

    @get(
        "/products.csv",
        operation_id="exportProductsAsCsv",
        summary="Export products as CSV",
        media_type=CSV,
        responses={200: product_lines.CSV_EXAMPLE} | _PROBLEMS,
    )
    async def products_as_csv(
        self,
        request: Request[Any, Any, Any],
        export_catalogue: Injected[CatalogueExport],
        streams: Injected[Streams],
        ids: Ids = None,
        q: Search = None,
        in_stock: InStock = None,
        min_price: MinPrice = None,
        max_price: MaxPrice = None,
        registration: Registration = None,
        attention: Attention = None,
        after: After = None,
        raw: Raw = None,
    ) -> ASGIResponse:
        """Export the products that pass all filters in the order of their ids, as a table with a header row."""
        wanted = read_filter(ids, q, in_stock, min_price, max_price, registration, attention)
        return StreamedAnswer(
            request,
            streams,
            export_catalogue(wanted, after),
            partial(product_lines.csv_of_products, raw=raw is not None),
            file="products.csv",
            media_type=CSV,
            head=product_lines.HEADER,
        )
