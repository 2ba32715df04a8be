"""Believable answers for the OpenAPI description."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example

from application.catalogue.views import (
    BestOfferView,
    OffersView,
    OfferView,
    ProductDetailView,
    ProductView,
    RegistrationView,
    SynchronisationView,
)
from application.prices.views import (
    BucketSeriesView,
    OfferHistoryView,
    PriceAtView,
    PriceBucketView,
    PriceChangeView,
    PriceHistoryView,
    PricePointView,
    PriceStatisticsView,
    StepSeriesView,
)
from domain.price import PriceState
from domain.price_change import Direction
from domain.price_history import Extreme
from domain.price_statistics import Verdict
from domain.product import RegistrationState
from domain.window import Window
from entrypoints.http.prices.responses import (
    OfferResponse,
    PriceChangeResponse,
    PriceHistoryResponse,
    PriceStatisticsResponse,
    show_price_history,
)
from entrypoints.readiness import OK, OUTDATED, UNAVAILABLE, Readiness

_CREATED = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
_OBSERVED = _CREATED + timedelta(minutes=12, seconds=4, microseconds=512_000)
_ID = UUID("2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11")
_OFFERS = [
    OfferView(UUID("c0ffee00-1234-5678-0abc-def012345678"), 41_250, 7, _CREATED, _OBSERVED),
    OfferView(UUID("7b1d9a52-44e0-01c3-f39b-0d9e1f2a3b4c"), 41_990, 120, _CREATED, _CREATED),
]
_PRODUCT = ProductView(
    id=_ID,
    name="Cordless drill 18 V",
    description="Two batteries, charger, case.",
    created_at=_CREATED,
    updated_at=_CREATED + timedelta(seconds=1),
    revision=2,
    registration=RegistrationView(RegistrationState.REGISTERED, _CREATED + timedelta(seconds=1), None),
    best_offer=BestOfferView(_OFFERS[0].id, _OFFERS[0].price, _OFFERS[0].items_in_stock),
    offers_in_stock=2,
    observed_at=_OBSERVED,
    stale=False,
)
_DETAIL = msgspec.to_builtins(_PRODUCT) | {"offers": _OFFERS}


def answer(model: Any, description: str, example: object) -> ResponseSpec:
    """Describe an answer by an example of it."""
    return answers(model, description, {description: example})


def answers(model: Any, description: str, examples: Mapping[str, object]) -> ResponseSpec:
    """Describe an answer by several examples, each with what it shows."""
    return ResponseSpec(
        model,
        description=description,
        generate_examples=False,
        # Encoded, because Litestar would leave out what is null.
        examples=[
            Example(summary=summary, value=msgspec.Raw(msgspec.json.encode(example)))
            for summary, example in examples.items()
        ],
    )


DETAIL = answer(ProductDetailView, "The product with its offers", _DETAIL)
PRODUCT = answer(ProductView, "The product", _PRODUCT)
OFFERS = answer(OffersView, "The offers", OffersView(_OFFERS, _OBSERVED, stale=False))
SYNCHRONISATION = answer(
    SynchronisationView,
    "How the attempts go",
    SynchronisationView(_OBSERVED, _OBSERVED, _OBSERVED + timedelta(seconds=60), 0, None),
)
READY = answer(Readiness, "It can", Readiness(OK, OK, OK, OK, OK))
NOT_READY = answer(Readiness, "The database cannot serve", Readiness(UNAVAILABLE, OK, OUTDATED, OK, OK))

_WEEK = Window(_OBSERVED - timedelta(days=7), _OBSERVED)
_IN_STOCK = PricePointView(_WEEK.start + timedelta(days=3), 41_250, PriceState.IN_STOCK)
_POINTS = [
    PricePointView(_WEEK.start, 45_900, PriceState.IN_STOCK),
    PricePointView(_WEEK.start + timedelta(days=2), None, PriceState.OUT_OF_STOCK),
    _IN_STOCK,
]
_HOUR = PriceBucketView(_WEEK.start, 45_900, 45_200, 45_200, 45_900, 45_637.5, 1.0, 1.0)
_TWO_DAYS = Window(_WEEK.start + timedelta(days=1, hours=12), _WEEK.start + timedelta(days=3, hours=12))
_STEPS = [PricePointView(_TWO_DAYS.start, 45_900, PriceState.IN_STOCK), *_POINTS[1:]]
PRICE_HISTORY = answers(
    PriceHistoryResponse,
    "The prices, as steps or summed up",
    {
        "Every change": show_price_history(PriceHistoryView(_TWO_DAYS, "raw", [StepSeriesView(None, _STEPS)])),
        "Summed up by the hour": show_price_history(PriceHistoryView(_WEEK, "1h", [BucketSeriesView(None, [_HOUR])])),
    },
)
PRICE_CHANGE = answer(
    PriceChangeResponse,
    "A fall of a tenth",
    PriceChangeResponse.of(
        PriceChangeView(
            PriceAtView(_WEEK.start, 45_900), PriceAtView(_WEEK.end, 41_250), -4_650, -10.13, Direction.DOWN, None
        )
    ),
)
PRICE_STATISTICS = answer(
    PriceStatisticsResponse,
    "A good price",
    PriceStatisticsResponse.of(
        PriceStatisticsView(
            window=_WEEK,
            current=41_250,
            average=43_962.5,
            median=45_900,
            p25=42_000,
            p75=45_900,
            min=Extreme(41_250, _IN_STOCK.at),
            max=Extreme(45_900, _WEEK.start),
            percentile=0.8125,
            out_of_stock_share=0.1429,
            coverage=1.0,
            verdict=Verdict.LOW,
            reason=None,
        )
    ),
)
OFFER = answer(
    OfferResponse,
    "The offer",
    OfferResponse.of(OfferHistoryView(_OFFERS[0].id, 41_250, 7, _WEEK.start, _IN_STOCK.at, None, _WEEK, _POINTS)),
)


def page(model: type) -> ResponseSpec:
    """Describe a page of products."""
    return answer(model, "One page", {"items": [_PRODUCT], "next": "k60tY3JlYXRlZF9hdNf_…"})
