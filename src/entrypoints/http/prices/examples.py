"""Example answers about prices for the OpenAPI description."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

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
from domain.prices.change import Direction
from domain.prices.history import Extreme
from domain.prices.price import PriceState
from domain.prices.statistics import Verdict
from domain.window import Window
from entrypoints.http.prices.responses import (
    OfferResponse,
    PriceChangeResponse,
    PriceHistoryResponse,
    PriceStatisticsResponse,
    show_price_history,
)
from entrypoints.http.route_declarations import answer, answers

_OBSERVED = datetime(2026, 11, 23, 9, 42, 4, 512_000, tzinfo=UTC)
_OFFER_ID = UUID("c0ffee00-1234-5678-0abc-def012345678")
_WEEK = Window(_OBSERVED - timedelta(days=7), _OBSERVED)
_IN_STOCK = PricePointView(_WEEK.start + timedelta(days=3), 41_250, PriceState.IN_STOCK)
_POINTS = [
    PricePointView(_WEEK.start, 45_900, PriceState.IN_STOCK),
    PricePointView(_WEEK.start + timedelta(days=2), None, PriceState.OUT_OF_STOCK),
    _IN_STOCK,
]
_HOUR = PriceBucketView(
    _WEEK.start,
    _WEEK.start + timedelta(minutes=17, seconds=55, milliseconds=488),
    45_900,
    45_200,
    45_200,
    45_900,
    Decimal("45637.50"),
    1.0,
    1.0,
)
_PRAGUE = ZoneInfo("Europe/Prague")
_OCTOBER = Window(datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC))
_MONTH = PriceBucketView(_OCTOBER.start, _OCTOBER.end, 45_900, 41_250, 41_250, 47_900, Decimal("44310.75"), 0.9861, 1.0)
_TWO_DAYS = Window(_WEEK.start + timedelta(days=1, hours=12), _WEEK.start + timedelta(days=3, hours=12))
_STEPS = [PricePointView(_TWO_DAYS.start, 45_900, PriceState.IN_STOCK), *_POINTS[1:]]
PRICE_HISTORY = answers(
    PriceHistoryResponse,
    "The prices, as steps or summed up",
    {
        "Every change": show_price_history(PriceHistoryView(_TWO_DAYS, "raw", [StepSeriesView(None, _STEPS)])),
        "Summed up by the hour": show_price_history(PriceHistoryView(_WEEK, "1h", [BucketSeriesView(None, [_HOUR])])),
        "A month in Prague, one hour longer than 31 days": show_price_history(
            PriceHistoryView(_OCTOBER, "1mo", [BucketSeriesView(None, [_MONTH])]), _PRAGUE
        ),
    },
)
PRICE_CHANGE = answer(
    PriceChangeResponse,
    "A fall of a tenth",
    PriceChangeResponse.of(
        PriceChangeView(
            PriceAtView(_WEEK.start, 45_900),
            PriceAtView(_WEEK.end, 41_250),
            -4_650,
            Decimal("-10.13"),
            Direction.DOWN,
            None,
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
            average=Decimal("43962.50"),
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
    OfferResponse.of(OfferHistoryView(_OFFER_ID, 41_250, 7, _WEEK.start, _IN_STOCK.at, None, _WEEK, _POINTS)),
)
