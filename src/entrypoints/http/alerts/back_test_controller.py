"""Back-tests of alerts over HTTP. `costly` bounds them: each reads a month of steps, and steps through them."""

from datetime import datetime
from decimal import Decimal

from litestar import Controller, Response, post
from litestar.params import JSONBody
from msgspec import UNSET, UnsetType

from application.access.actor import Scope
from application.alerts.back_test import DEFAULT_WINDOW, SimulateAlert, SuggestThreshold
from application.clock import Clock
from domain.errors import InvalidAlert, InvalidWindow
from domain.window import Window
from entrypoints.http.alerts import back_test_examples as examples
from entrypoints.http.alerts.back_test_requests import SimulateAlertRequest, SuggestThresholdRequest
from entrypoints.http.alerts.back_test_responses import BackTestResponse, SuggestionResponse
from entrypoints.http.alerts.conditions import read_condition
from entrypoints.http.conditional_reads import ENCODER, NO_STORE
from entrypoints.http.problems.problem_types import (
    BODY_PROBLEMS,
    PRODUCT_NOT_FOUND,
    PROTECTED,
    UNAVAILABLE,
    WINDOW_TOO_LARGE,
    problems,
)
from entrypoints.http.route_declarations import Declaration, Injected, Place, declared
from entrypoints.http.times import read_end, read_length, read_period, read_start

_PROBLEMS = problems(*PROTECTED, PRODUCT_NOT_FOUND, *UNAVAILABLE, *BODY_PROBLEMS, WINDOW_TOO_LARGE)


class BackTestController(Controller):
    """Back-tests of alerts, by the function that evaluates live ones."""

    path = "/alerts"
    tags = ("alerts",)
    opt = declared(Declaration(scope=Scope.ALERTS_READ))

    @post(
        "/simulate",
        status_code=200,
        operation_id="simulateAlert",
        summary="See when an alert would have fired",
        response_headers=NO_STORE,
        responses={200: examples.BACK_TEST} | _PROBLEMS,
    )
    async def simulate(
        self,
        data: JSONBody[SimulateAlertRequest],
        simulate_alert: Injected[SimulateAlert],
        costly: Injected[Place],
        clock: Injected[Clock],
    ) -> Response[bytes]:
        """Try a rule over the recorded prices of a product. Nothing is stored, and no event is sent."""
        window = _window(data.start, data.end, clock())
        when, hold, cooldown = read_condition(data.when), read_length(data.hold), read_length(data.cooldown)
        async with costly:
            found = await simulate_alert(data.product_id, when, hold, cooldown, window)
        return Response(ENCODER.encode(BackTestResponse.of(found)))

    @post(
        "/suggest",
        status_code=200,
        operation_id="suggestThreshold",
        summary="Find the threshold that fires so many times a week",
        response_headers=NO_STORE,
        responses={200: examples.SUGGESTION} | _PROBLEMS,
    )
    async def suggest(
        self,
        data: JSONBody[SuggestThresholdRequest],
        suggest_threshold: Injected[SuggestThreshold],
        costly: Injected[Place],
        clock: Injected[Clock],
    ) -> Response[bytes]:
        """Find the price below which an alert would have fired as often as wanted, as nearly as there is one."""
        now = clock()
        try:
            window = Window(now - read_period(data.period), now)
        except OverflowError as error:
            raise InvalidAlert("period", "The period begins before the year 1.") from error
        async with costly:
            found = await suggest_threshold(data.product_id, Decimal(str(data.per_week)), window)
        return Response(ENCODER.encode(SuggestionResponse.of(found)))


def _window(start: str | UnsetType, end: str | UnsetType, now: datetime) -> Window:
    ends = now if end is UNSET else read_end(end)
    try:
        starts = min(ends, now) - DEFAULT_WINDOW if start is UNSET else read_start(start)
        return Window.until_now(starts, ends, now)
    except OverflowError as error:
        raise InvalidAlert("to", "The 30 days before this time begin before the year 1.") from error
    except InvalidWindow as error:
        raise InvalidAlert(error.field, str(error)) from error
