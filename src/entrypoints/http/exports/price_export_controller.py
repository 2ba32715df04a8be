"""The export of best prices over HTTP: every step of many products, as NDJSON or CSV."""

from functools import partial
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, get
from litestar.params import QueryParameter
from litestar.response.base import ASGIResponse

from application.catalogue.listing import MOST_IDS
from application.clock import Clock
from application.prices.export import ExportPriceHistory
from entrypoints.http.exports import step_lines
from entrypoints.http.exports.parameters import CSV, HEADERS, NDJSON, Raw
from entrypoints.http.exports.streaming import StreamedAnswer, Streams
from entrypoints.http.prices.windows import From, To, read_window
from entrypoints.http.problems.problem_types import (
    BEYOND_RETENTION,
    UNAVAILABLE,
    VALIDATION,
    WINDOW_TOO_LARGE,
    problems,
)
from entrypoints.http.route_declarations import Declaration, Injected, declared

Ids = Annotated[
    list[UUID] | None,
    QueryParameter(
        name="id",
        max_items=MOST_IDS,
        description=f"Only the prices of the products with these ids, up to {MOST_IDS}: give the parameter once for "
        "each. Those that do not exist are left out.",
    ),
]

_PROBLEMS = problems(VALIDATION, WINDOW_TOO_LARGE, BEYOND_RETENTION, *UNAVAILABLE)


class PriceExportController(Controller):
    """Exports of prices, for everybody, because the products' own pages show the same to everybody."""

    path = "/exports"
    tags = ("exports",)
    opt = declared(Declaration(public=True, no_store=True, answer_headers=HEADERS))

    @get(
        "/price-history.ndjson",
        operation_id="exportPriceHistoryAsNdjson",
        summary="Export best prices over time as NDJSON",
        media_type=NDJSON,
        responses={200: step_lines.NDJSON_EXAMPLE} | _PROBLEMS,
    )
    async def price_history_as_ndjson(
        self,
        request: Request[Any, Any, Any],
        export_price_history: Injected[ExportPriceHistory],
        streams: Injected[Streams],
        clock: Injected[Clock],
        ids: Ids = None,
        start: From = None,
        end: To = None,
    ) -> ASGIResponse:
        """Export every step of the best price of the chosen products, or of all, in a window of at most 31 days.

        The steps of a product fill the window: where nothing was observed the price is unknown. The step still in force
        has `known_until`, after which its price is unknown unless it is observed again.
        """
        return StreamedAnswer(
            request,
            streams,
            await export_price_history(read_window(start, end, clock()), ids or ()),
            step_lines.ndjson_of_steps,
            file="price-history.ndjson",
            media_type=NDJSON,
        )

    @get(
        "/price-history.csv",
        operation_id="exportPriceHistoryAsCsv",
        summary="Export best prices over time as CSV",
        media_type=CSV,
        responses={200: step_lines.CSV_EXAMPLE} | _PROBLEMS,
    )
    async def price_history_as_csv(
        self,
        request: Request[Any, Any, Any],
        export_price_history: Injected[ExportPriceHistory],
        streams: Injected[Streams],
        clock: Injected[Clock],
        ids: Ids = None,
        start: From = None,
        end: To = None,
        raw: Raw = None,
    ) -> ASGIResponse:
        """Export the same as a table with a header row."""
        return StreamedAnswer(
            request,
            streams,
            await export_price_history(read_window(start, end, clock()), ids or ()),
            partial(step_lines.csv_of_steps, raw=raw is not None),
            file="price-history.csv",
            media_type=CSV,
            head=step_lines.HEADER,
        )
