"""Alerts over HTTP: made, listed, changed and deleted."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, delete, get, patch, post
from litestar.params import JSONBody, PathParameter
from litestar.response.base import ASGIResponse
from msgspec import UNSET

from application.access.actor import Actor, Scope
from application.alerts.management import AmendAlert, CreateAlert, DeleteAlert
from application.alerts.reading import MOST_ALERTS, AlertReader
from entrypoints.http.alerts import examples
from entrypoints.http.alerts.conditions import read_condition
from entrypoints.http.alerts.requests import AmendAlertRequest, CreateAlertRequest
from entrypoints.http.alerts.responses import AlertDetailResponse, AlertResponse, AlertsResponse
from entrypoints.http.conditional_reads import ENCODER, NO_STORE
from entrypoints.http.problems.problem_types import (
    BODY_PROBLEMS,
    NOT_FOUND,
    PROTECTED,
    UNAVAILABLE,
    VALIDATION,
    prefix_of,
    problems,
)
from entrypoints.http.route_declarations import Declaration, Injected, declared, location_header
from entrypoints.http.times import read_length

AlertId = Annotated[UUID, PathParameter(description="The alert's id.")]
SHOWN_STATES = 1_000
SHOWN_TRANSITIONS = 100
_READ = declared(Declaration(scope=Scope.ALERTS_READ))
_WRITE = declared(Declaration(scope=Scope.ALERTS_WRITE))
_LOCATION = location_header("alert", "/alerts/7d0c6f0e-3c55-4f0f-9a39-6f9d53e7a1b2")


class AlertController(Controller):
    """Alerts, which the workers evaluate with every observation."""

    path = "/alerts"
    tags = ("alerts",)

    @post(
        operation_id="createAlert",
        summary="Create an alert",
        opt=declared(Declaration(scope=Scope.ALERTS_WRITE, answer_headers=(_LOCATION,))),
        response_headers=NO_STORE,
        responses={201: examples.ALERT} | problems(*PROTECTED, *UNAVAILABLE, *BODY_PROBLEMS),
    )
    async def create(
        self,
        request: Request[Any, Any, Any],
        data: JSONBody[CreateAlertRequest],
        create_alert: Injected[CreateAlert],
        actor: Injected[Actor],
    ) -> ASGIResponse:
        """Create an alert. It watches from now on, and its transitions become events."""
        alert = await create_alert(
            name=data.name,
            product_ids=data.product_ids,
            when=read_condition(data.when),
            hold=read_length(data.hold),
            cooldown=read_length(data.cooldown),
            actor=actor,
        )
        location = f"{prefix_of(request.scope['state'])}/alerts/{alert.id}"
        return _answer(AlertResponse.of(alert), 201, {"Location": location})

    @get(
        operation_id="listAlerts",
        summary="List the alerts",
        opt=_READ,
        response_headers=NO_STORE,
        responses={200: examples.ALERTS} | problems(*PROTECTED, VALIDATION, *UNAVAILABLE),
    )
    async def alerts(self, alert_reader: Injected[AlertReader]) -> ASGIResponse:
        """List the alerts, newest first."""
        return _answer(AlertsResponse([AlertResponse.of(each) for each in await alert_reader.list(MOST_ALERTS)]))

    @get(
        "/{alert_id:uuid}",
        operation_id="getAlert",
        summary="See an alert and its states",
        opt=_READ,
        response_headers=NO_STORE,
        responses={200: examples.DETAIL} | problems(*PROTECTED, NOT_FOUND, VALIDATION, *UNAVAILABLE),
    )
    async def detail(self, alert_id: AlertId, alert_reader: Injected[AlertReader]) -> ASGIResponse:
        """See an alert with its state per product, and its last 100 transitions, suppressed ones included."""
        found = await alert_reader.detail(alert_id, SHOWN_STATES, SHOWN_TRANSITIONS)
        return _answer(AlertDetailResponse.of(found))

    @patch(
        "/{alert_id:uuid}",
        operation_id="amendAlert",
        summary="Amend an alert",
        opt=_WRITE,
        response_headers=NO_STORE,
        responses={200: examples.ALERT} | problems(*PROTECTED, NOT_FOUND, *UNAVAILABLE, *BODY_PROBLEMS),
    )
    async def amend(
        self,
        alert_id: AlertId,
        data: JSONBody[AmendAlertRequest],
        amend_alert: Injected[AmendAlert],
        actor: Injected[Actor],
    ) -> ASGIResponse:
        """Change the given fields. With another rule, pending states start again; disabling resolves the firings."""
        alert = await amend_alert(
            alert_id,
            name=None if data.name is UNSET else data.name,
            enabled=None if data.enabled is UNSET else data.enabled,
            when=None if data.when is UNSET else read_condition(data.when),
            hold=None if data.hold is UNSET else read_length(data.hold),
            cooldown=None if data.cooldown is UNSET else read_length(data.cooldown),
            actor=actor,
        )
        return _answer(AlertResponse.of(alert))

    @delete(
        "/{alert_id:uuid}",
        operation_id="deleteAlert",
        summary="Delete an alert",
        opt=_WRITE,
        response_headers=NO_STORE,
        response_description="The alert is gone",
        responses=problems(*PROTECTED, NOT_FOUND, VALIDATION, *UNAVAILABLE),
    )
    async def delete(self, alert_id: AlertId, delete_alert: Injected[DeleteAlert], actor: Injected[Actor]) -> None:
        """Delete an alert. Its firings are resolved, by events that give the reason."""
        await delete_alert(alert_id, actor=actor)


def _answer(view: object, status: int = 200, headers: dict[str, str] | None = None) -> ASGIResponse:
    body = ENCODER.encode(view)
    return ASGIResponse(
        body=body, status_code=status, headers=NO_STORE | (headers or {}), media_type="application/json"
    )
