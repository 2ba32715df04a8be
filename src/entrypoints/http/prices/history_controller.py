"""The price history over HTTP: the best price, or each offer's, as steps or in buckets of a time zone."""

from datetime import UTC, tzinfo
from typing import Annotated, Any, Literal

from litestar import Controller, Request, get
from litestar.params import QueryParameter
from litestar.response.base import ASGIResponse

from application.clock import Clock
from application.prices.price_history import ReadOfferPriceHistory, ReadPriceHistory, in_finest_interval
from domain.errors import InvalidWindow
from domain.prices.calendar import Interval
from entrypoints.configuration.zones import find_zone
from entrypoints.http.conditional_reads import NOT_MODIFIED, answer_view
from entrypoints.http.prices import examples
from entrypoints.http.prices.responses import show_price_history
from entrypoints.http.prices.windows import From, To, read_window
from entrypoints.http.problems.problem_types import (
    BEYOND_RETENTION,
    PRODUCT_MISSING,
    UNAVAILABLE,
    VALIDATION,
    WINDOW_TOO_LARGE,
    problems,
)
from entrypoints.http.products.parameters import ProductId
from entrypoints.http.route_declarations import Declaration, Injected, Place, Rule, declared

IntervalName = Annotated[
    Literal["auto", "raw", "5m", "1h", "1d", "1w", "1mo"],
    QueryParameter(
        description="`raw` gives every change of price, for 48 hours at most; the others sum up buckets: minutes, "
        "hours, days, weeks from Monday on (ISO 8601) and months. `auto` takes the finest of them that has at most 600 "
        "points, of months the last 600."
    ),
]


def read_zone(name: str) -> tzinfo:
    """Read the name of a time zone.

    Raises:
        InvalidWindow
    """
    zone = find_zone(name)
    if zone is None:
        raise InvalidWindow("tz", "This must be the IANA name of a time zone, as Europe/Prague, in the same case.")
    return zone


TimeZone = Annotated[
    str | None,
    QueryParameter(
        name="tz",
        description="IANA name of the time zone whose hours, days, weeks and months the buckets are; a day may have "
        "23 or 25 hours. UTC by default. Buckets of a zone are exact. If its offsets are whole hours, they reach back "
        "as far as hourly buckets are kept, else as far as those of 5 minutes; before that the answer is "
        "`beyond-retention`. Raw points stay in UTC.",
    ),
    Rule(read_zone),
]
Series = Annotated[Literal["best", "offers"], QueryParameter(description="The best price, or each offer's own.")]


class HistoryController(Controller):
    """The price history, for everybody. `costly` bounds the reads at once: each may hold a connection for seconds."""

    path = "/products/{product_id:uuid}"
    tags = ("insight",)
    opt = declared(Declaration(public=True, conditional=True))

    @get(
        "/price-history",
        operation_id="getPriceHistory",
        summary="See how prices moved",
        responses={200: examples.PRICE_HISTORY}
        | NOT_MODIFIED
        | problems(*PRODUCT_MISSING, VALIDATION, WINDOW_TOO_LARGE, BEYOND_RETENTION, *UNAVAILABLE),
    )
    async def price_history(
        self,
        request: Request[Any, Any, Any],
        product_id: ProductId,
        read_price_history: Injected[ReadPriceHistory],
        read_offer_price_history: Injected[ReadOfferPriceHistory],
        costly: Injected[Place],
        clock: Injected[Clock],
        start: From = None,
        end: To = None,
        interval: IntervalName = "auto",
        series: Series = "best",
        tz: TimeZone = None,
    ) -> ASGIResponse:
        """See every change of the best price, or of each offer's price, or sums of them over buckets of time.

        A raw point is the price in force from its time on; the first one is at the start of the window. Where nothing
        was observed for longer than three intervals the price is unknown, which is not the same as out of stock.
        """
        window = read_window(start, end, clock())
        zone = UTC if tz is None else read_zone(tz)
        read = read_price_history if series == "best" else read_offer_price_history
        async with costly:
            if interval == "auto":
                view = await in_finest_interval(read, product_id, window, zone)
            else:
                view = await read(product_id, window, None if interval == "raw" else Interval(interval), zone)
        return answer_view(request, show_price_history(view, zone))
