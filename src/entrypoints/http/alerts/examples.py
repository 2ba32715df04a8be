"""Example answers about alerts for the OpenAPI description."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from application.alerts.reading import AlertDetail, RecordedTransition
from domain.alerts.alert import Alert, AlertState, Phase, Rule, Transition, TransitionKind
from domain.alerts.condition import ConditionKind, PriceThreshold
from entrypoints.http.alerts.responses import AlertDetailResponse, AlertResponse, AlertsResponse
from entrypoints.http.route_declarations import answer

_AT = datetime(2026, 11, 26, 9, 30, tzinfo=UTC)
_PRODUCT_ID = UUID("2f6c1d1e-8a53-4c5b-9d0e-6f1f3f0a7c11")
_WHEN = PriceThreshold(ConditionKind.PRICE_BELOW, 40_000, 41_000)
_ALERT = Alert(
    UUID("7d0c6f0e-3c55-4f0f-9a39-6f9d53e7a1b2"),
    "Cheap drill",
    (_PRODUCT_ID,),
    Rule(_WHEN, timedelta(minutes=10), timedelta(hours=6), _AT),
    True,  # noqa: FBT003 - enabled
    _AT,
    _AT,
)
_MET = _AT + timedelta(hours=3, minutes=12)
_FIRED = Transition(TransitionKind.FIRING, _MET + timedelta(minutes=10), _MET, 39_490, 40_000, suppressed=False)
ALERT = answer(AlertResponse, "The alert", AlertResponse.of(_ALERT))
ALERTS = answer(AlertsResponse, "The alerts", AlertsResponse([AlertResponse.of(_ALERT)]))
DETAIL = answer(
    AlertDetailResponse,
    "An alert that fires",
    AlertDetailResponse.of(
        AlertDetail(
            _ALERT,
            [(_PRODUCT_ID, AlertState(Phase.FIRING, _MET, None, _FIRED.at + timedelta(hours=6)))],
            [RecordedTransition(_PRODUCT_ID, _FIRED)],
        )
    ),
)
