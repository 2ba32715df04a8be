"""Prior prices over HTTP: the lowest price before a reduction, of a product and of one seller's offer."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Self

import msgspec
from litestar import Controller, Request, get
from litestar.params import QueryParameter
from litestar.response.base import ASGIResponse

from application.prices.price_change import FindPriorOfferPrice, FindPriorPrice
from application.prices.views import PriorPriceView
from domain.prices.change import Reason
from domain.window import Window
from entrypoints.http.conditional_reads import NOT_MODIFIED, answer_view
from entrypoints.http.prices.windows import At, read_moment
from entrypoints.http.problems.problem_types import (
    OFFER_NOT_FOUND,
    PRODUCT_MISSING,
    UNAVAILABLE,
    VALIDATION,
    problems,
)
from entrypoints.http.products.parameters import OfferId, ProductId
from entrypoints.http.route_declarations import Declaration, Injected, Place, answers, declared

MOST_DAYS = 366

Days = Annotated[
    int,
    QueryParameter(
        ge=1, le=MOST_DAYS, description="The length of the time before; the directive asks for 30 at least."
    ),
]


class PriorWindowResponse(msgspec.Struct, frozen=True):
    """The time before: `to` is no part of it."""

    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")


class PriorPriceResponse(msgspec.Struct, frozen=True):
    """The lowest price in force in the window, and the price in force at its end, `at`.

    A price from before the window counts while it was still in force in it; the one that begins at `at` does not.
    `reached_at` is the latest time at which the price became the lowest. `change_percent` compares `price_at` with it.
    `coverage` is the share of the window in which there was a price: none while out of stock or unknown. `reason` says
    why something is null, or that the history is shorter than the window.
    """

    at: datetime
    window: PriorWindowResponse
    price: int | None
    reached_at: datetime | None
    price_at: int | None
    change_percent: Decimal | None
    coverage: float | None
    reason: Reason | None

    @classmethod
    def of(cls, view: PriorPriceView) -> Self:
        """Show the view."""
        return cls(
            view.window.end,
            PriorWindowResponse(view.window.start, view.window.end),
            view.price,
            view.reached_at,
            view.price_at,
            view.change_percent,
            view.coverage,
            view.reason,
        )


_AT = datetime(2026, 11, 27, tzinfo=UTC)
_WINDOW = Window(_AT - timedelta(days=30), _AT)
_REACHED = _AT - timedelta(days=12, hours=7)
_PRIOR_PRICE = answers(
    PriorPriceResponse,
    "The lowest price before",
    {
        "A reduction": PriorPriceResponse.of(
            PriorPriceView(_WINDOW, 45_900, _REACHED, 41_250, Decimal("-10.13"), 0.9875, None)
        ),
        "Of a product that is known for 19 days": PriorPriceResponse.of(
            PriorPriceView(_WINDOW, 45_900, _REACHED, 45_900, Decimal("0.00"), 0.6333, Reason.SHORTER_HISTORY)
        ),
    },
)


class PriorPriceController(Controller):
    """Prior prices, for everybody (EU Directive 98/6/EC, Article 6a). `costly` bounds the reads at once."""

    path = "/products/{product_id:uuid}"
    tags = ("insight",)
    opt = declared(Declaration(public=True, conditional=True))

    @get(
        "/prior-price",
        operation_id="getPriorPrice",
        summary="See the lowest best price before a reduction",
        responses={200: _PRIOR_PRICE} | NOT_MODIFIED | problems(*PRODUCT_MISSING, VALIDATION, *UNAVAILABLE),
    )
    async def prior_price(
        self,
        request: Request[Any, Any, Any],
        product_id: ProductId,
        find_prior_price: Injected[FindPriorPrice],
        costly: Injected[Place],
        at: At = None,
        days: Days = 30,
    ) -> ASGIResponse:
        """See the lowest best price, of any seller, in the days before a time. Each offer has one of its own."""
        async with costly:
            found = await find_prior_price(product_id, read_moment(at), days)
        return answer_view(request, PriorPriceResponse.of(found))

    @get(
        "/offers/{offer_id:uuid}/prior-price",
        operation_id="getOfferPriorPrice",
        summary="See a seller's lowest price before a reduction",
        responses={200: _PRIOR_PRICE}
        | NOT_MODIFIED
        | problems(*PRODUCT_MISSING, OFFER_NOT_FOUND, VALIDATION, *UNAVAILABLE),
    )
    async def offer_prior_price(
        self,
        request: Request[Any, Any, Any],
        product_id: ProductId,
        offer_id: OfferId,
        find_prior_offer_price: Injected[FindPriorOfferPrice],
        costly: Injected[Place],
        at: At = None,
        days: Days = 30,
    ) -> ASGIResponse:
        """See the lowest price of one offer in the days before a time; its seller must name it with a reduction."""
        async with costly:
            found = await find_prior_offer_price(product_id, offer_id, read_moment(at), days)
        return answer_view(request, PriorPriceResponse.of(found))
