"""Prices over time over HTTP: change and statistics of the best price, and one offer's life."""

from typing import Any

from litestar import Controller, Request, get
from litestar.response.base import ASGIResponse

from application.clock import Clock
from application.prices.offer_history import ReadOfferHistory
from application.prices.price_change import ComparePrices
from application.prices.price_statistics import SummarisePrices
from entrypoints.http.conditional_reads import NOT_MODIFIED, answer_view
from entrypoints.http.prices import examples
from entrypoints.http.prices.responses import (
    OfferResponse,
    PriceChangeResponse,
    PriceStatisticsResponse,
)
from entrypoints.http.prices.windows import From, Period, To, read_window
from entrypoints.http.problems.problem_types import (
    OFFER_NOT_FOUND,
    PRODUCT_MISSING,
    UNAVAILABLE,
    VALIDATION,
    problems,
)
from entrypoints.http.products.parameters import OfferId, ProductId
from entrypoints.http.route_declarations import Declaration, Injected, Place, declared


class PriceController(Controller):
    """Prices over time, for everybody. `costly` bounds the reads at once: each may hold a connection for seconds."""

    path = "/products/{product_id:uuid}"
    tags = ("insight",)
    opt = declared(Declaration(public=True, conditional=True))

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
        """See average, quartiles and extremes of the best price, weighted by time, and a verdict on the current one."""
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
