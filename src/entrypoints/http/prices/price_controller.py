"""Prices over time over HTTP: history, change and statistics of the best price, and one offer's life."""

from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Request, get
from litestar.params import PathParameter, QueryParameter
from litestar.response.base import ASGIResponse

from application.clock import Clock
from application.prices.offer_history import ReadOfferHistory
from application.prices.price_change import ComparePrices
from application.prices.price_history import ReadOfferPriceHistory, ReadPriceHistory, in_finest_interval
from application.prices.price_statistics import SummarisePrices
from domain.window import BucketWidth
from entrypoints.http.conditional_reads import NOT_MODIFIED, answer_view
from entrypoints.http.prices import examples
from entrypoints.http.prices.responses import (
    OfferResponse,
    PriceChangeResponse,
    PriceStatisticsResponse,
    show_price_history,
)
from entrypoints.http.prices.windows import From, Period, To, read_window
from entrypoints.http.problems.problem_types import (
    OFFER_NOT_FOUND,
    PRODUCT_MISSING,
    UNAVAILABLE,
    VALIDATION,
    WINDOW_TOO_LARGE,
    problems,
)
from entrypoints.http.products.parameters import ProductId
from entrypoints.http.route_declarations import Declaration, Injected, Place, declared

OfferId = Annotated[UUID, PathParameter(description="The offer's id, as the Offers service knows it.")]
Interval = Annotated[
    Literal["auto", "raw", "5m", "1h", "1d"],
    QueryParameter(
        description="`raw` gives every change of price, for 48 hours at most; the others sum up buckets; `auto` "
        "takes the finest of them that has at most 600 points, and weeks or months where even days are too many."
    ),
]
Series = Annotated[Literal["best", "offers"], QueryParameter(description="The best price, or each offer's own.")]


class PriceController(Controller):
    """Prices over time, for everybody. `costly` bounds the reads at once: each may hold a connection for seconds."""

    path = "/products/{product_id:uuid}"
    tags = ("insight",)
    opt = declared(Declaration(public=True, conditional=True))

    @get(
        "/price-history",
        operation_id="getPriceHistory",
        summary="See how prices moved",
        responses={200: examples.PRICE_HISTORY}
        | NOT_MODIFIED
        | problems(*PRODUCT_MISSING, VALIDATION, WINDOW_TOO_LARGE, *UNAVAILABLE),
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
        interval: Interval = "auto",
        series: Series = "best",
    ) -> ASGIResponse:
        """See every change of the best price, or of each offer's price, or sums of them over buckets of time.

        A raw point is the price in force from its time on; the first one is at the start of the window. Where nothing
        was observed for longer than three intervals the price is unknown, which is not the same as out of stock.
        """
        window = read_window(start, end, clock())
        read = read_price_history if series == "best" else read_offer_price_history
        async with costly:
            if interval == "auto":
                view = await in_finest_interval(read, product_id, window)
            else:
                view = await read(product_id, window, None if interval == "raw" else BucketWidth(interval))
        return answer_view(request, show_price_history(view))

    @get(
        "/price-change",
        operation_id="getPriceChange",
        summary="See how the best price changed over a period",
        responses={200: examples.PRICE_CHANGE} | NOT_MODIFIED | problems(*PRODUCT_MISSING, VALIDATION, *UNAVAILABLE),
    )
    async def price_change(
        self,
        request: Request[Any, Any, Any],
        product_id: ProductId,
        compare_prices: Injected[ComparePrices],
        costly: Injected[Place],
        clock: Injected[Clock],
        period: Period = None,
        start: From = None,
        end: To = None,
    ) -> ASGIResponse:
        """Compare the best price in force at the start of the period with that at its end, never with the last poll."""
        window = read_window(start, end, clock(), period)
        async with costly:
            change = await compare_prices(product_id, window)
        return answer_view(request, PriceChangeResponse.of(change))

    @get(
        "/price-statistics",
        operation_id="getPriceStatistics",
        summary="See whether the best price is a good one",
        responses={200: examples.PRICE_STATISTICS}
        | NOT_MODIFIED
        | problems(*PRODUCT_MISSING, VALIDATION, *UNAVAILABLE),
    )
    async def price_statistics(
        self,
        request: Request[Any, Any, Any],
        product_id: ProductId,
        summarise_prices: Injected[SummarisePrices],
        costly: Injected[Place],
        clock: Injected[Clock],
        start: From = None,
        end: To = None,
    ) -> ASGIResponse:
        """See average, quartiles and extremes of the best price, weighted by time, and where the current one stands."""
        window = read_window(start, end, clock())
        async with costly:
            statistics = await summarise_prices(product_id, window)
        return answer_view(request, PriceStatisticsResponse.of(statistics))

    @get(
        "/offers/{offer_id:uuid}",
        operation_id="getOffer",
        summary="Read one offer with its life and its prices",
        responses={200: examples.OFFER}
        | NOT_MODIFIED
        | problems(*PRODUCT_MISSING, OFFER_NOT_FOUND, VALIDATION, *UNAVAILABLE),
    )
    async def offer(
        self,
        request: Request[Any, Any, Any],
        product_id: ProductId,
        offer_id: OfferId,
        read_offer_history: Injected[ReadOfferHistory],
        costly: Injected[Place],
    ) -> ASGIResponse:
        """Read one offer, in stock or sold out, and every change of its price that is kept, the newest 10 000."""
        async with costly:
            history = await read_offer_history(product_id, offer_id)
        return answer_view(request, OfferResponse.of(history))
