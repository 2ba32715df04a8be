"""Pages of alerts: the list with the last transitions, and one alert with its states and a switch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from litestar import Controller, Request, get, post
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from application.access.actor import Actor
from application.alerts.management import AmendAlert
from application.alerts.reading import MOST_ALERTS, AlertReader, ListedAlert, RecordedTransition
from domain.alerts.alert import INITIAL
from entrypoints.http.products.catalogue import Catalogue
from entrypoints.http.route_declarations import Declaration, Injected, declared
from entrypoints.web.admin.admin_page import lead_admin, show_to_admin
from entrypoints.web.alerts.product_names import STATES, TRANSITIONS, names_of
from entrypoints.web.alerts.words import happened, rule, standing, value
from entrypoints.web.formats import Formats
from entrypoints.web.pages import Pages
from entrypoints.web.sessions import Sessions

ALERTS_SHOWN = 25
LAST_PAGE = MOST_ALERTS // ALERTS_SHOWN
COUNTED = 1_000
"""Firing or pending products of one alert are counted up to this number."""
LONGEST_NUMBER = 18
"""Digits of a page or of a transition in a link."""
DONE = {
    "created": "The alert is made. It watches from now on.",
    "saved": "The alert is saved.",
    "enabled": "The alert is enabled. It watches from now on.",
    "disabled": "The alert is disabled, and what fired is resolved.",
    "deleted": "The alert is deleted, and what fired is resolved.",
}


@dataclass(frozen=True, slots=True)
class TransitionLine:
    """A line of the table of transitions."""

    at: str
    what: str
    value: str
    product_id: UUID
    product: str | None
    alert_id: UUID | None = None
    alert: str | None = None


class AlertController(Controller):
    """Pages of alerts."""

    path = "/alerts"
    include_in_schema = False
    opt = declared(Declaration(session=True, ignores_query=True))

    @get("/")
    async def alerts(
        self,
        request: Request[Any, Any, Any],
        catalogue: Injected[Catalogue],
        alert_reader: Injected[AlertReader],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Show a page of the alerts, and a page of their transitions."""
        formats = pages.formats(request)
        page, before = min(max(1, _number(request, "page") or 1), LAST_PAGE), _number(request, "before")
        found = await alert_reader.page(ALERTS_SHOWN + 1, (page - 1) * ALERTS_SHOWN, COUNTED + 1)
        log = await alert_reader.transitions(TRANSITIONS + 1, before)
        shown = log[:TRANSITIONS]
        names = await names_of(catalogue.reader, (each.recorded.product_id for each in shown))
        return show_to_admin(
            request,
            pages,
            sessions,
            "alerts/list.html",
            formats,
            alerts=[
                (each.alert, rule(each.alert.rule, formats), _summary(each, formats)) for each in found[:ALERTS_SHOWN]
            ],
            page=page,
            next_page=page + 1 if len(found) > ALERTS_SHOWN else None,
            transitions=[_line(each.recorded, names, formats, each.alert_id, each.name) for each in shown],
            before=before,
            older=shown[-1].number if len(log) > TRANSITIONS else None,
            done=DONE.get(request.query_params.get("done", ""), ""),
        )

    @get("/{alert_id:uuid}")
    async def detail(
        self,
        request: Request[Any, Any, Any],
        alert_id: FromPath[UUID],
        catalogue: Injected[Catalogue],
        alert_reader: Injected[AlertReader],
        pages: Injected[Pages],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Show the alert's states and its last transitions."""
        found = await alert_reader.detail(alert_id, STATES + 1, TRANSITIONS)
        alert, formats, states = found.alert, pages.formats(request), dict(found.states[:STATES])
        # All products that the alert names are shown; of an alert for all products only those that meet its condition.
        states |= {id: INITIAL for id in alert.product_ids or () if id not in states}
        names = await names_of(catalogue.reader, [*states, *(each.product_id for each in found.transitions)])
        return show_to_admin(
            request,
            pages,
            sessions,
            "alerts/alert.html",
            formats,
            alert=alert,
            rule=rule(alert.rule, formats),
            states=[(id, names.get(id), standing(alert, state, formats)) for id, state in states.items()],
            more=alert.product_ids is None and len(found.states) > STATES,
            transitions=[_line(each, names, formats) for each in found.transitions],
            all_shown=len(found.transitions) < TRANSITIONS,
            done=DONE.get(request.query_params.get("done", ""), ""),
        )

    @post("/{alert_id:uuid}", status_code=303)
    async def switch(
        self,
        request: Request[Any, Any, Any],
        alert_id: FromPath[UUID],
        amend_alert: Injected[AmendAlert],
        actor: Injected[Actor],
        sessions: Injected[Sessions],
    ) -> ASGIResponse:
        """Enable or disable the alert."""
        enabled = (await request.form()).get("enabled") == "yes"
        await amend_alert(alert_id, enabled=enabled, actor=actor)
        return lead_admin(request, sessions, f"/admin/alerts/{alert_id}?done={'enabled' if enabled else 'disabled'}")


def _number(request: Request[Any, Any, Any], name: str) -> int | None:
    """Return a number of a link, None if it is missing or cannot be read."""
    given: str = request.query_params.get(name, "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) <= LONGEST_NUMBER else None


def _summary(listed: ListedAlert, formats: Formats) -> str:
    """Say for how many products it fires."""
    if not listed.alert.enabled:
        return "disabled"
    counts = [(listed.firing, "fires for"), (listed.pending, "pending for")]
    parts = [f"{words} {_count(count, formats)}" for count, words in counts if count]
    return ", ".join(parts) or "does not fire"


def _count(count: int, formats: Formats) -> str:
    if count > COUNTED:
        return f"more than {formats.number(COUNTED)} products"
    return "1 product" if count == 1 else f"{formats.number(count)} products"


def _line(
    recorded: RecordedTransition,
    names: Mapping[UUID, str],
    formats: Formats,
    alert_id: UUID | None = None,
    alert: str | None = None,
) -> TransitionLine:
    each, id = recorded.transition, recorded.product_id
    return TransitionLine(
        formats.moment(each.at), happened(each), value(each.value, formats), id, names.get(id), alert_id, alert
    )
