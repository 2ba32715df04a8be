"""Example answers about back-tests for the OpenAPI description."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from application.alerts.back_test import BackTest, Firing, Suggestion
from domain.alerts.condition import ConditionKind, PriceThreshold
from domain.window import Window
from entrypoints.http.alerts.back_test_responses import BackTestResponse, SuggestionResponse
from entrypoints.http.route_declarations import answer

_AT = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
_BACK_TEST = BackTest(
    Window(_AT - timedelta(days=21), _AT),
    [
        Firing(_AT - timedelta(days=15), _AT - timedelta(days=14, hours=2), 39_990, suppressed=False),
        Firing(_AT - timedelta(days=13, hours=23), _AT - timedelta(days=13, hours=22), 39_850, suppressed=True),
        Firing(_AT - timedelta(hours=5), None, 39_490, suppressed=False),
    ],
    Decimal("0.67"),
    0.9912,
    0.0088,
    truncated=False,
)
BACK_TEST = answer(BackTestResponse, "Three weeks", BackTestResponse.of(_BACK_TEST))
SUGGESTION = answer(
    SuggestionResponse,
    "A threshold",
    SuggestionResponse.of(Suggestion(PriceThreshold(ConditionKind.PRICE_BELOW, 40_000), _BACK_TEST)),
)
